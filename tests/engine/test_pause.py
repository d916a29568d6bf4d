"""The bytes of the program that waits, and the image that is made of them."""

import hashlib
import io
import json
import platform
import signal
import struct
import subprocess
import tarfile
from pathlib import Path

import pytest

from devrun.engine import pause

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


def files(content: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


@pytest.mark.parametrize(("architecture", "machine"), [("amd64", 62), ("arm64", 183)])
def test_a_program_is_one_segment_that_is_entered_behind_its_headers(architecture: str, machine: int) -> None:
    """The kernel maps the file as it is; the code ends with the jump to its own beginning."""
    elf = pause.program(architecture)
    entry = struct.unpack_from("<HHIQQ", elf, 16)
    segment = struct.unpack_from("<IIQQQQQQ", elf, 64)

    assert elf[:7] == b"\x7fELF\x02\x01\x01"
    assert entry == (2, machine, 1, 0x400000 + 120, 64)
    assert segment == (1, 5, 0, 0x400000, 0x400000, len(elf), len(elf), 0x10000)
    assert len(elf) < 300


def test_the_code_jumps_to_its_beginning() -> None:
    """By as many bytes as it has; a jump is relative to its end on one machine, to its begin on the other."""
    amd64, arm64 = (pause.program(name)[120:] for name in ("amd64", "arm64"))
    (branch,) = struct.unpack("<I", arm64[-4:])

    assert struct.unpack("<b", amd64[-1:]) == (-len(amd64),)
    assert branch >> 26 == 0b000101
    assert (1 << 26) - (branch & 0x3FFFFFF) == len(arm64) // 4 - 1


@pytest.mark.skipif(
    platform.machine() not in MACHINES.values() or platform.system() != "Linux", reason="no program for it"
)
def test_the_program_waits_until_it_is_killed(tmp_path: Path) -> None:
    """It ends neither by itself nor with an error."""
    (architecture,) = [name for name, machine in MACHINES.items() if machine == platform.machine()]
    file = tmp_path / "pause"
    file.write_bytes(pause.program(architecture))
    file.chmod(0o755)

    with subprocess.Popen([file]) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.1)
        process.kill()

    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("architecture", MACHINES)
def test_the_image_is_named_after_what_it_is_made_of(architecture: str) -> None:
    """Equal for everybody, and each part by its own hash."""
    loaded = files(pause.archive(architecture))
    (manifest,) = json.loads(loaded["manifest.json"])
    config = loaded[manifest["Config"]]
    layer = loaded["layer.tar"]

    assert manifest["RepoTags"] == [pause.reference(architecture)]
    assert pause.reference(architecture).endswith(f":{hashlib.sha256(config).hexdigest()[:12]}")
    assert json.loads(config)["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert json.loads(config)["architecture"] == architecture
    assert files(layer) == {"pause": pause.program(architecture)}
    assert pause.archive(architecture) == pause.archive(architecture)


def test_other_architectures_have_none() -> None:
    """There the network is made anew with each restart."""
    assert not pause.has_program("riscv64")
    assert pause.has_program("arm64")
