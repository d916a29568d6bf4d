"""What a Dockerfile asks of the engine: its frontend, a session."""

import re

import pytest

from devrun.engine.frontend import official_frontend, refuse_sessions, without_syntax
from devrun.errors import EngineError

SECRET = "RUN --mount=type=secret,id=x true"
FROM = "FROM base"


def refusal(text: str, stage: str | None) -> str:
    """Return the message of the error, empty where there is none."""
    try:
        refuse_sessions(text, stage, "Dockerfile")
    except EngineError as error:
        return error.message
    return ""


@pytest.mark.parametrize(
    "image",
    [
        "docker/dockerfile:1",
        "docker/dockerfile:1.7",
        "docker/dockerfile:1.7.0-labs",
        "docker/dockerfile",
        "docker.io/docker/dockerfile:1",
        f"docker/dockerfile:1@sha256:{'a' * 64}",
    ],
)
def test_the_official_frontend_is_left_out(image: str) -> None:
    """The lines keep their numbers."""
    text = f"# syntax={image}\n{FROM}\n"

    assert official_frontend(text, "Dockerfile") == image
    assert without_syntax(text) == f"\n{FROM}\n"


def test_other_directives_stay_in_force() -> None:
    """An empty line above them would end the directives."""
    text = f"#escape=`\n# Syntax = docker/dockerfile:1\n# check=skip=all\n# a comment\n{FROM}\n"

    assert without_syntax(text) == f"#escape=`\n# check=skip=all\n\n# a comment\n{FROM}\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{FROM}\n# syntax=foo/bar\n",
        f"\n# syntax=foo/bar\n{FROM}\n",
        f"# a comment\n# syntax=foo/bar\n{FROM}",
    ],
)
def test_a_directive_below_the_top_is_a_comment(text: str) -> None:
    """Only the first lines can be directives."""
    assert official_frontend(text, "Dockerfile") is None
    assert without_syntax(text) == text


def test_a_byte_order_mark_and_windows_ends_do_not_hide_it() -> None:
    """Editors write both."""
    assert without_syntax(f"\ufeff# syntax=docker/dockerfile:1\r\n{FROM}\r\n") == f"\n{FROM}\r\n"


@pytest.mark.parametrize("image", ["foo/bar:2", "docker/dockerfile:2", "docker/dockerfile-upstream:master"])
def test_another_frontend_is_refused_with_the_line(image: str) -> None:
    """The engine would have to fetch it, through a session that devrun does not have."""
    with pytest.raises(EngineError, match=f"^dev/Dockerfile:2: the frontend {image} needs a build session"):
        official_frontend(f"# escape=`\n# syntax={image}\n{FROM}", "dev/Dockerfile")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"{FROM}\n{SECRET}\n", 2),
        (f"{FROM}\nRUN --mount=type=cache,target=/c \\\n  # why\n  --mount=type=ssh,id=x true\n", 2),
        (f"{FROM}\nrun --network=none --mount=target=/x,type=SSH true\n", 2),
        (f"{FROM} AS one\n{SECRET}\n{FROM}\nCOPY --from=one /x /x\n", 2),
        (f"{FROM} AS one\n{SECRET}\nFROM one\n", 2),
        (f"{FROM}\n{SECRET}\n{FROM}\nRUN --mount=type=bind,from=0,target=/x true\n", 2),
        (f"# escape=`\n{FROM}\nRUN `\n--mount=type=secret,id=x true\n", 3),
    ],
)
def test_a_stage_that_needs_a_session_is_refused(text: str, line: int) -> None:
    """The error names the line where the instruction begins."""
    refused = refusal(text, None)

    assert re.match(rf"Dockerfile:{line}: RUN --mount=type=(secret|ssh) needs a build session", refused)


@pytest.mark.parametrize(
    ("text", "stage"),
    [
        (f"{FROM} AS one\n{SECRET}\n{FROM}\n", None),
        (f"{FROM} AS one\nRUN true\n{FROM} AS two\n{SECRET}\n", "ONE"),
        (f"{FROM}\nRUN echo --mount=type=secret\n", None),
        (f"{FROM}\n# {SECRET}\n", None),
        (f"{FROM}\nRUN <<END\n{SECRET}\nEND\n", None),
        (f"{FROM}\nRUN <<-'END' cat\n{SECRET}\n\tEND\n", None),
        ("", None),
        (f"{FROM}\nRUN true \\", None),
    ],
)
def test_what_does_not_run_needs_no_session(text: str, stage: str | None) -> None:
    """Stages that the wanted one does not reach, comments, heredocs and arguments are no mounts."""
    assert refusal(text, stage) == ""
