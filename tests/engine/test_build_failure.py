"""What engines of several releases say about a failed build, in words for people."""

import pytest

from devrun.engine.failure import DockerfileError, Recipe, build_error
from devrun.engine.steps import Step

RECIPE = Recipe("dev/Dockerfile", "FROM x\nRUN <<END\nEND\n", "the project folder")


def message(text: str, instruction: str = "RUN make", code: int | None = None) -> str:
    """Return the message of the error for an engine's text."""
    return build_error(RECIPE, text, code, Step(instruction)).message


@pytest.mark.parametrize(
    "text",
    [
        "executor failed running [/bin/sh -c make]: exit code: 2",
        'process "/bin/sh -c make" did not complete successfully: exit code: 2',
        'failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2',
        "The command '/bin/sh -c make' returned a non-zero code: 2",
    ],
)
def test_an_exit_code_is_told(text: str) -> None:
    """Each release has its own wording."""
    assert message(text) == "RUN make: exit code 2"


@pytest.mark.parametrize(
    ("code", "words"),
    [(126, "it may not be executed"), (127, "command not found"), (137, "killed; often for want of memory")],
)
def test_well_known_exit_codes_are_explained(code: int, words: str) -> None:
    """A number alone helps nobody."""
    assert message("it failed", code=code) == f"RUN make: exit code {code} ({words})"


@pytest.mark.parametrize(
    "text",
    [
        'failed to compute cache key: "/a.txt" not found: not found',
        '"/a.txt" not found: not found',
        'failed to compute cache key: failed to calculate checksum of ref abc::def: "/a.txt": not found',
        "failed to solve: failed to compute cache key: failed to calculate checksum of ref x: "
        '"/a.txt": not found',
        "failed to walk /var/lib/x/mnt: lstat /var/lib/x/mnt/a.txt: no such file or directory",
        "COPY failed: file not found in build context or excluded by .dockerignore: "
        "stat a.txt: file does not exist",
        "COPY failed: stat /var/lib/docker/tmp/b/a.txt: no such file or directory",
    ],
)
def test_a_missing_file_is_named(text: str) -> None:
    """It is missing in the context, which is not always the disk."""
    assert message(text, "COPY a.txt /").startswith("COPY a.txt /: ")
    assert message(text, "COPY a.txt /").endswith('a.txt" is not in the build context')


@pytest.mark.parametrize(
    "text",
    [
        "dockerfile parse error line 2: unknown instruction: HI",
        "failed to solve with frontend dockerfile.v0: failed to create LLB definition: "
        "dockerfile parse error line 2: unknown instruction: HI",
        "dockerfile parse error on line 2: unknown instruction: HI",
    ],
)
def test_a_parse_error_has_file_and_line(text: str) -> None:
    """It is an error of its own kind, because another frontend may know more."""
    error = build_error(RECIPE, text, None, None)

    assert error.message == "dev/Dockerfile:2: unknown instruction: HI"
    assert isinstance(error, DockerfileError)
    assert "heredocs" in error.hint


@pytest.mark.parametrize(
    "text",
    [
        "failed to create LLB definition: target stage dev could not be found",
        'target stage "dev" could not be found',
        "failed to reach build target dev in Dockerfile",
    ],
)
def test_a_missing_stage_is_named(text: str) -> None:
    """The hint says which key chose it."""
    error = build_error(RECIPE, text, None, None)

    assert error.message == "dev/Dockerfile has no stage dev"
    assert "`stage`" in error.hint


@pytest.mark.parametrize(
    ("said", "cause", "hint"),
    [
        ("failed to solve: secret pip not found: not found", "the build is given no secret pip", "{ pip ="),
        ("failed to solve: secret pip: not found", "the build is given no secret pip", "{ pip ="),
        ("x: unset ssh forward key default", "the build is given no ssh agent default", '["default"]'),
        ('no SSH key "git" forwarded from the client', "the build is given no ssh agent git", '["git"]'),
        ("no active sessions", "its base image needs a build session", "secrets = "),
    ],
)
def test_what_the_build_was_not_given_is_told(said: str, cause: str, hint: str) -> None:
    """Some needs are seen only by the builder; the hint says what to write."""
    error = build_error(RECIPE, said, None, Step("RUN make"))

    assert error.message == f"RUN make: {cause}"
    assert hint in error.hint


def test_a_full_disk_is_told_with_its_reason() -> None:
    """What is not known is passed on without its wrapping."""
    error = build_error(
        RECIPE, "failed to solve: rpc error: code = Unknown desc = x: no space left on device", None, None
    )

    assert error.message == "dev/Dockerfile: x: no space left on device"
    assert error.hint


def test_a_long_instruction_is_shortened_in_the_message_only() -> None:
    """The message is one line; `step` has it all."""
    instruction = "RUN " + " &&\n    ".join(["pip install something"] * 20)
    error = build_error(RECIPE, "exit code: 1", None, Step(instruction))

    assert error.step == instruction
    assert error.message.endswith("…: exit code 1")
    assert "\n" not in error.message
    assert len(error.message) < 130
