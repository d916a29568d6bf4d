"""Builds on the real engine: what goes in, what is told, what comes out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devrun.engine.building import OWN_HEREDOCS_VERSION
from devrun.engine.connection import Connection
from devrun.engine.lookup import look_up
from devrun.errors import EngineError
from tests.engine.builds import BASE, FROM, Workshop, open_workshop

pytestmark = pytest.mark.engine


@pytest.fixture
def workshop(tmp_path: Path, connection: Connection) -> Iterator[Workshop]:
    """A project folder on the real engine."""
    with open_workshop(tmp_path, connection) as opened:
        yield opened


def version_of(workshop: Workshop) -> tuple[int, ...]:
    """Return the version of the API that the engine speaks."""
    return tuple(int(part) for part in workshop.connection.version.split("."))


def test_an_identical_rebuild_has_the_same_id(workshop: Workshop) -> None:
    """The same content under another fingerprint is the same image with two tags."""
    workshop.write("app.py", "print(1)")
    first = workshop.build(FROM + "COPY app.py /\n", "one")
    second = workshop.build(FROM + "COPY app.py /\n", "two")

    assert second.id == first.id
    assert {built.fingerprint for built in workshop.inspect()} == {"one", "two"}


def test_a_touched_file_does_not_make_another_image(workshop: Workshop) -> None:
    """Times of files are no content."""
    workshop.write("app.py", "print(1)")
    first = workshop.build(FROM + "COPY app.py /\n", "one")
    workshop.write("app.py", "print(1)")

    assert workshop.build(FROM + "COPY app.py /\n", "two").id == first.id


def test_progress_counts_the_steps_and_carries_their_lines(workshop: Workshop) -> None:
    """Each instruction is told with its number, each line with its instruction, each cache hit as such."""
    dockerfile = FROM + f"WORKDIR /{workshop.nonce}\nRUN echo one && echo two >&2\n"
    workshop.build(dockerfile)

    run = [told for told in workshop.told if told.instruction.startswith("RUN")]
    assert (run[0].step, run[0].steps, run[0].line, run[0].cached) == (3, 3, "", False)
    assert sorted(told.line for told in run[1:]) == ["one", "two"]

    workshop.told.clear()
    workshop.build(dockerfile)
    assert any(told.cached and told.instruction.startswith("RUN") for told in workshop.told)
    assert workshop.lines() == []


def test_a_failing_instruction_is_named_with_its_output(workshop: Workshop) -> None:
    """The error has the instruction and its exit code, and the last lines apart."""
    # BuildKit gives no order between the two streams, so all goes to one.
    instruction = "RUN seq 1 40 >&2; echo broken >&2; exit 7"
    error = workshop.failure(f"{FROM}{instruction}\n")

    assert error.message == f"{instruction}: exit code 7"
    assert error.step == instruction
    assert error.output == (*map(str, range(12, 41)), "broken")
    assert error.hint


def test_a_missing_program_is_told_in_words(workshop: Workshop) -> None:
    """Exit code 127 says what it means."""
    assert workshop.failure(FROM + "RUN no-such-program\n").message == (
        "RUN no-such-program: exit code 127 (command not found)"
    )


def test_a_file_that_is_not_there_is_named(workshop: Workshop) -> None:
    """A COPY of nothing names the instruction and the file."""
    error = workshop.failure(FROM + "COPY missing.txt /\n")

    assert error.message == 'COPY missing.txt /: "missing.txt" is not in the build context'


def test_a_faulty_dockerfile_is_named_with_the_line(workshop: Workshop) -> None:
    """The line is the one on disk, also where a syntax line was left out."""
    assert workshop.failure(FROM + "\nHELLO world\n").message.startswith("Dockerfile:3: unknown instruction")


def test_an_unknown_stage_is_told(workshop: Workshop) -> None:
    """A stage that the Dockerfile does not have is an error that names it."""
    with pytest.raises(EngineError, match="Dockerfile has no stage dev"):
        workshop.build(FROM, stage="dev")


def test_the_wanted_stage_is_built_and_no_other(workshop: Workshop) -> None:
    """A stage after it does not run."""
    built = workshop.build(f"FROM {BASE} AS dev\nWORKDIR /dev\n{FROM}RUN exit 1\n", stage="dev")

    assert built.workdir == "/dev"


def test_build_arguments_reach_the_build_and_stay_hidden(workshop: Workshop) -> None:
    """The value is used, and no progress and no error shows it."""
    secret = "s3cr3t-value"
    dockerfile = FROM + 'ARG TOKEN\nRUN test "$TOKEN" = s3cr3t-"value" && echo got $TOKEN && false\n'
    with pytest.raises(EngineError) as caught:
        workshop.build(dockerfile, args={"TOKEN": secret})

    assert caught.value.output == ("got ${TOKEN}",)
    assert secret not in f"{workshop.told} {caught.value.message} {caught.value.step}"


def test_run_mounts_work(workshop: Workshop) -> None:
    """Cache and bind mounts of RUN need BuildKit, and have it."""
    workshop.write("requirements.txt", "flask\n")
    workshop.build(
        FROM + f"# {workshop.nonce}\n"
        "RUN --mount=type=cache,target=/cache --mount=type=bind,source=requirements.txt,target=/r.txt "
        f"touch /cache/{workshop.nonce} && cat /r.txt\n"
    )

    assert "flask" in workshop.lines()


def test_heredocs_work_or_say_what_they_need(workshop: Workshop) -> None:
    """An engine from before heredocs names the line, and what to do."""
    dockerfile = FROM + f"RUN <<END\necho {workshop.nonce}\nEND\n"
    if version_of(workshop) >= OWN_HEREDOCS_VERSION:
        workshop.build(dockerfile)
        assert workshop.nonce in workshop.lines()
    else:
        error = workshop.failure(dockerfile)
        assert error.message.startswith("Dockerfile:3: unknown instruction")
        assert "# syntax=docker/dockerfile:1" in error.hint


def test_the_official_syntax_line_needs_no_network(workshop: Workshop) -> None:
    """It is left out of what is sent, and other directives stay in force."""
    workshop.build("# syntax=docker/dockerfile:1\n# escape=`\n" + FROM + "WORKDIR `\n  /app\n")

    assert workshop.inspect()[0].workdir == "/app"


def test_a_frontend_that_is_not_to_be_had_leaves_the_engines_own_word(workshop: Workshop) -> None:
    """The line is the one on disk, although the syntax line was left out of what was sent."""
    absent = f"docker/dockerfile:1@sha256:{'0' * 64}"
    error = workshop.failure(f"# syntax={absent}\n{FROM}HELLO world\n")

    assert error.message.startswith("Dockerfile:3: unknown instruction")


def test_an_old_engine_uses_the_frontend_that_is_asked_for(workshop: Workshop) -> None:
    """Where its own does not understand the Dockerfile, the one of the syntax line is tried."""
    if version_of(workshop) >= OWN_HEREDOCS_VERSION:
        pytest.skip("the engine's own frontend knows heredocs")
    frontend = f"docker/dockerfile:1.{int(workshop.nonce, 16)}"
    workshop.connection.client.tag(BASE, frontend)
    try:
        error = workshop.failure(f"# syntax={frontend}\n{FROM}RUN <<END\necho x\nEND\n")
    finally:
        workshop.connection.client.remove_image(frontend)

    # What stands in for the frontend is a plain Python: it ends with an error that only it can give.
    assert "unknown instruction" not in error.message
    assert "exit code" in error.message


def test_a_platform_needs_no_session(workshop: Workshop) -> None:
    """The engine is told of it, and the image is of it."""
    workshop.write("app.py")
    built = workshop.build("FROM scratch\nCOPY app.py /\n", bases=(), platform="linux/arm64")

    about = look_up(workshop.connection, built.id)
    assert about
    assert about["Architecture"] == "arm64"


def test_a_whole_context_is_copied_with_modes_and_links(workshop: Workshop) -> None:
    """Executable bits, symlinks, long names and folders arrive; the Dockerfile arrives once."""
    deep = f"{'long-' * 10}/{'name-' * 15}.txt"
    workshop.write("run.sh", "#!/bin/sh\necho ran\n")
    (workshop.root / "run.sh").chmod(0o700)
    workshop.write(deep, "deep\n")
    (workshop.root / "link").symlink_to("run.sh")
    look = f"./link && cat {deep} && ls -A | wc -l && stat -c %a run.sh"
    workshop.build(FROM + f"COPY . /context/\nRUN : {workshop.nonce}; cd /context && {look}\n")

    assert workshop.lines() == ["ran", "deep", "4", "755"]
