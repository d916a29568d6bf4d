"""`devrun watch` says its own lines on stderr, and shows on stdout what targets write."""

import io
import sys

import pytest

from devrun.cli.terminal import Terminal
from devrun.config.project import ImageName, Spec, TargetName
from devrun.core.actions import BuildImage, HashInputs, RestartContainer
from devrun.core.decide import Hold, HoldKind
from devrun.core.events import Cancelled, ContainerStarted, Failed, ImageBuilt, Lost
from devrun.core.journal import Entry, LogLine, began, ended, held
from devrun.core.values import Built, Container, ContainerId, Digest, Fingerprint, ImageId, Phase

WEB, JOB = TargetName("web"), TargetName("job-2")
IMAGE = ImageName("default")
RESTART = RestartContainer(WEB, ContainerId("c"), Digest("d"), 0, "app.py changed")
BUILD = BuildImage(IMAGE, Fingerprint("f"), 0, "Dockerfile changed")
STARTED = ContainerStarted(Container(ContainerId("c"), "web", ImageId("i"), Spec(""), Phase.RUNNING))


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def a_line(text: str, target: str = WEB) -> LogLine:
    return LogLine(0.0, target, "stdout", text)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal([WEB, JOB])


def on_a_screen(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> str:
    """Let something be said on a terminal that shows stdout and stderr, and return it."""
    screen = Screen()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    terminal.wrote(a_line("\x1b[31mred"))
    terminal.told(ended(RESTART, STARTED, 0.0, 0.5))
    return screen.getvalue()


def test_own_lines_go_to_stderr_and_say_what_is_done_and_why(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """stdout is left to the targets."""
    terminal.say("watching /srv/shop (web, job-2); Ctrl-C stops")
    terminal.told(began(BUILD, 0.0))
    terminal.told(ended(BUILD, ImageBuilt(Built(Fingerprint("f"), ImageId("i"), 0.0)), 0.0, 12.345))
    terminal.told(began(RESTART, 0.0))
    terminal.told(ended(RESTART, STARTED, 0.0, 0.5))
    said = capsys.readouterr()

    assert said.out == ""
    assert said.err.splitlines() == [
        "devrun: watching /srv/shop (web, job-2); Ctrl-C stops",
        "devrun: image default: building (Dockerfile changed)",
        "devrun: image default: built in 12.35 s",
        "devrun: web: restarting (app.py changed)",
        "devrun: web: restarted in 0.50 s",
    ]


def test_looking_is_not_said(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """It changes nothing; nor does a build that was given up have to be told again."""
    hashing = HashInputs(IMAGE, 0, "Dockerfile changed")
    terminal.told(began(hashing, 0.0))
    terminal.told(ended(hashing, Cancelled(), 0.0, 0.1))

    assert capsys.readouterr().err == ""


def test_a_build_that_was_cancelled_is_not_said_to_be_built(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was given up; the next one says when it is built."""
    terminal.told(ended(BUILD, Cancelled(), 0.0, 1.5))

    assert capsys.readouterr().err == "devrun: image default: given up after 1.50 s\n"


def test_a_failure_is_said_with_its_output_and_its_remedy(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """The reason stands below the output, where the eye is."""
    terminal.told(ended(BUILD, Failed("exit code 1", "see above", "RUN false", ("one", "two")), 0.0, 1.0))

    assert capsys.readouterr().err.splitlines() == [
        "devrun: image default:   one",
        "devrun: image default:   two",
        "devrun: image default: exit code 1",
        "devrun: image default:   hint: see above",
    ]


def test_an_engine_that_comes_and_goes_is_said(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to do about it."""
    terminal.told(Entry(0.0, "engine up", text="Docker 20.10"))
    terminal.told(ended(RESTART, Lost("connection reset"), 0.0, 1.0))
    terminal.told(Entry(0.0, "engine down", text="connection refused", hint="start it"))
    terminal.told(Entry(0.0, "engine down", text="no answer", hint=""))

    assert capsys.readouterr().err.splitlines() == [
        "devrun: connected with Docker 20.10",
        "devrun: web: the engine went away meanwhile: connection reset",
        "devrun: the engine is not there: connection refused",
        "devrun:   hint: start it",
        "devrun: the engine is not there: no answer",
    ]


def test_a_hold_is_said_where_it_does_not_go_without_saying(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """Most of the time all is up to date."""
    terminal.told(held("target web", Hold(HoldKind.UP_TO_DATE, "up to date"), 0.0))
    terminal.told(held("target web", Hold(HoldKind.CRASHED, "crashed 1"), 0.0))

    assert capsys.readouterr().err == "devrun: web: crashed 1\n"


def test_each_step_of_a_build_is_said(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """A pull has no number."""
    terminal.told(Entry(0.0, "step", "image default", "FROM python (cached)", step="1/3"))
    terminal.told(Entry(0.0, "step", "image default", "pulling python"))

    assert capsys.readouterr().err.splitlines() == [
        "devrun: image default: [1/3] FROM python (cached)",
        "devrun: image default: pulling python",
    ]


def test_hints_and_notices_are_said(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """A hint by whom it concerns."""
    terminal.told(Entry(0.0, "hint", "target web", "listen on 0.0.0.0"))
    terminal.told(Entry(0.0, "notice", text="devrun.toml changed"))

    assert capsys.readouterr().err == "devrun: web: hint: listen on 0.0.0.0\ndevrun: devrun.toml changed\n"


def test_a_notice_of_several_lines_stays_so(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused devrun.toml may have many problems."""
    terminal.told(Entry(0.0, "notice", text="not applied:\ndevrun.toml:1: x\x1b[2J"))

    assert capsys.readouterr().err.splitlines() == [
        "devrun: not applied:",
        "devrun: devrun.toml:1: x\\x1b[2J",
    ]


def test_another_configuration_is_said_and_its_targets_are_told_apart(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new one by its name, and a removed one as long as it writes."""
    new = TargetName("a-new-one")
    terminal.told(Entry(0.0, "configured", text="devrun.toml changed: a-new-one added, job-2 removed"))
    for name in (WEB, new, JOB):
        terminal.wrote(a_line("x", name))
    said = capsys.readouterr()

    assert said.err == "devrun: devrun.toml changed: a-new-one added, job-2 removed\n"
    assert said.out.splitlines() == ["web   | x", "a-new-one | x", "job-2     | x"]


def test_output_goes_to_stdout_by_the_name_of_its_target(
    terminal: Terminal, capsys: pytest.CaptureFixture[str]
) -> None:
    """All names take the same width."""
    terminal.wrote(a_line("one"))
    terminal.wrote(a_line("two", JOB))
    said = capsys.readouterr()

    assert (said.out, said.err) == ("web   | one\njob-2 | two\n", "")


def test_one_target_alone_needs_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    """Its output is what it would be without devrun."""
    terminal = Terminal([WEB])
    terminal.wrote(a_line("one"))

    assert capsys.readouterr().out == "one\n"


def test_output_cannot_command_the_terminal(terminal: Terminal, capsys: pytest.CaptureFixture[str]) -> None:
    """Where there is no terminal, colours are left out too."""
    terminal.wrote(a_line("\x1b[31mred\x1b]0;title\x07\x1b[2J"))
    terminal.told(Entry(0.0, "hint", "target \x1b[2J", "\x9b2J"))
    said = capsys.readouterr()

    assert said.out == "web   | red\\x1b]0;title\\x07\\x1b[2J\n"
    assert "\x1b" not in said.err
    assert "\x9b" not in said.err


def test_colours_are_for_terminals(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a target stay, and end with its line."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    assert on_a_screen(monkeypatch, terminal) == (
        "\x1b[36mweb   | \x1b[0m\x1b[31mred\x1b[0m\n"
        "\x1b[1mdevrun:\x1b[0m \x1b[32mweb: restarted in 0.50 s\x1b[0m\n"
    )


def test_nobody_gets_colours_who_does_not_want_them(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NO_COLOR is honoured."""
    monkeypatch.setenv("NO_COLOR", "1")

    assert on_a_screen(monkeypatch, terminal) == "web   | red\ndevrun: web: restarted in 0.50 s\n"


def test_quiet_says_only_what_went_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    """The output of targets is what it is for."""
    terminal = Terminal([WEB], quiet=True)
    terminal.say("watching /srv/shop")
    terminal.told(began(RESTART, 0.0))
    terminal.told(Entry(0.0, "engine up", text="Docker"))
    terminal.told(held("target web", Hold(HoldKind.EXITED, "exited 0"), 0.0))
    terminal.told(Entry(0.0, "step", "image default", "RUN make", step="1/2"))
    assert capsys.readouterr().err == ""
    terminal.wrote(a_line("one"))
    terminal.told(ended(RESTART, Failed("port 80 is taken"), 0.0, 1.0))
    terminal.told(held("target web", Hold(HoldKind.CRASHED, "crashed 1"), 0.0))
    said = capsys.readouterr()

    assert said.out == "one\n"
    assert said.err == "devrun: web: port 80 is taken\ndevrun: web: crashed 1\n"


def test_output_that_nobody_reads_any_more_stops_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The containers run on, and what is said of them is still said."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    closed = io.StringIO()
    closed.close()
    for stream in (Gone(), closed):
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.wrote(a_line("one"))
    terminal.told(Entry(0.0, "notice", text="still here"))

    assert capsys.readouterr().err == "devrun: still here\n"
