"""A file that is made to harm, or is no file at all, is refused soon and in plain words."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from devrun.config.load import load
from devrun.errors import ConfigError

LIMIT_S = 2.0
"""On an idle machine each takes a tenth of a second at most; what is quadratic takes minutes."""

Refused = Callable[..., list[str]]

BOMBS = {
    "lists": b"a = " + b"[" * 100_000,
    "closed lists": b"a = " + b"[" * 100_000 + b"]" * 100_000,
    "a few lists": b"a = " + b"[" * 30 + b"]" * 30,
    "tables": b"a = " + b"{a = " * 40_000 + b"1" + b"}" * 40_000,
    "dotted key": b".".join([b"a"] * 20_000) + b" = 1",
    "dotted header": b"[" + b".".join([b"a"] * 20_000) + b"]",
    "deep keys": b"".join(b"a%d." % number + b".".join([b"a"] * 50) + b" = 1\n" for number in range(1000)),
    "decimal number": b"a = " + b"9" * 200_000,
    "hexadecimal number": b"[targets.a]\nmodule = 'a'\nstop-timeout = 0x" + b"f" * 200_000,
    "port": b"[targets.a]\nmodule = 'a'\nports = ['" + b"9" * 200_000 + b"']",
    "address": b"[targets.a]\nmodule = 'a'\nports = ['" + b"1." * 100_000 + b":1:2']",
    "variables": b"[project]\nname = '" + b"${A:-" * 40_000 + b"'",
    "malformed variables": b"[project]\nname = '" + b"${" * 100_000 + b"}'",
    "spaces": b"[" + b" " * 200_000,
    "spaces in a header": b"[ " + b" " * 200_000 + b"a]\n",
    "backslashes": b"a = '''\n" + b'"\\"' * 60_000 + b"'''",
    "list of many": b"a = [" + b"1," * 100_000 + b"]",
    "many keys": b"".join(b"k%d = 1\n" % number for number in range(4900)),
    "too many keys": b"".join(b"k%d = 1\n" % number for number in range(20_000)),
    "many targets": b"[targets]\n" + b"".join(b"k%d = 5\n" % number for number in range(4900)),
    "many headers": b"".join(b"[a%d]\n" % number for number in range(20_000)),
    "long key": b"b" * 200_000 + b" = 1",
    "long script": b"[targets]\na = '" + b"a" * 200_000 + b"'",
    "long path": b"[image]\ndockerfile = '" + b"a/" * 50_000 + b"'\ncontext = '" + b"b" * 5000 + b"'",
    "NUL": b"a = '\0'",
    "escaped NUL": b'[image]\ncontext = "a\\u0000"\n[targets.a]\nscript = "a\\u0000"\nenv-file = "\\u0000"',
    "surrogate": b'[project]\nname = "\\ud800"',
    "Latin-1": b"[project]\nname = 'caf\xe9'",
    "UTF-16": "[project]".encode("utf-16"),
    "more than 256 KiB": b"#" * (256 * 1024 + 1),
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_soon_in_a_few_plain_lines(refused: Refused, bomb: bytes) -> None:
    """Neither a crash nor a wait, nor a message as long as the file."""
    began = time.process_time()
    problems = refused(bomb)

    assert time.process_time() - began < LIMIT_S
    assert len("\n".join(problems)) < 10_000
    assert not any("Error" in problem or "Traceback" in problem for problem in problems)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("closed lists", "nested too deeply"),
        ("dotted key", "nested too deeply"),
        ("decimal number", "a number is too large"),
        ("hexadecimal number", "the number is too large"),
        ("too many keys", "more than 5,000 values"),
        ("escaped NUL", "a NUL character cannot be used"),
        ("more than 256 KiB", "larger than 256 KiB"),
        ("Latin-1", "not UTF-8"),
    ],
)
def test_the_reason_is_named(refused: Refused, name: str, said: str) -> None:
    """The same file, and the words for it."""
    assert said in "\n".join(refused(BOMBS[name]))


def test_a_line_that_is_no_utf_8_is_named(refused: Refused) -> None:
    """An editor saved it in another encoding."""
    assert refused(b"# one\n# two \xe9\n") == ["2: not UTF-8"]


def test_a_byte_order_mark_is_no_part_of_the_text(refused: Refused) -> None:
    """Some editors write one; the lines count as without it."""
    assert refused(b"\xef\xbb\xbf[imag]\n") == ["1: imag: unknown key; did you mean image?"]


def test_a_fifo_is_refused_without_waiting_for_its_writer(root: Path) -> None:
    """A reader that opens one would wait for ever."""
    os.mkfifo(root / "devrun.toml")

    with pytest.raises(ConfigError, match="is not a file"):
        load(root / "devrun.toml", {})


def test_a_folder_and_a_missing_file_are_refused(root: Path) -> None:
    """Each by its own reason."""
    with pytest.raises(ConfigError, match="does not exist"):
        load(root / "devrun.toml", {})
    (root / "devrun.toml").mkdir()
    with pytest.raises(ConfigError, match="is a folder"):
        load(root / "devrun.toml", {})


def test_a_socket_and_a_device_are_refused(root: Path) -> None:
    """A device may have no end."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "devrun.toml"))
        with pytest.raises(ConfigError, match="no such device or address"):
            load(root / "devrun.toml", {})
    (root / "zero.toml").symlink_to("/dev/zero")
    with pytest.raises(ConfigError, match="is not a file"):
        load(root / "zero.toml", {})
