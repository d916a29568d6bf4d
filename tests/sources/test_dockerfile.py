"""What a Dockerfile means is known before anything is built."""

from collections.abc import Mapping

import pytest

from devrun.sources.dockerfile import Dockerfile, foreign_syntax
from devrun.sources.dockerfile_meaning import meaning
from devrun.sources.dockerfile_syntax import DockerfileError
from devrun.sources.substitution import Scope, expand

NO_ARGS: Mapping[str, str] = {}

STAGES = """\
ARG BASE=python:3.13
FROM ${BASE} AS Build
RUN make
FROM busybox AS unused
COPY --from=build /x /x
FROM scratch AS files
COPY a /a
FROM build AS dev
RUN --mount=type=bind,from=files,target=/f cp /f/a /b
COPY --from=alpine:3 /etc/os-release /
FROM dev
COPY --from=0 /y /y
"""


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        (None, [0, 2, 3, 4]),
        ("dev", [0, 2, 3]),
        ("DEV", [0, 2, 3]),
        ("build", [0]),
        ("unused", [0, 1]),
        ("2", [2]),
    ],
)
def test_only_reached_stages_are_needed(stage: str | None, expected: list[int]) -> None:
    """A stage is reached by FROM, by COPY --from and by a bind mount, by name or number."""
    assert [one.index for one in Dockerfile.parse(STAGES).needed(stage, NO_ARGS)] == expected


def test_the_chain_is_what_the_image_stands_on() -> None:
    """Stages that files are only copied from are no part of it."""
    assert [one.index for one in Dockerfile.parse(STAGES).chain(None, NO_ARGS)] == [0, 3, 4]


def test_base_images_are_the_external_ones() -> None:
    """Arguments are filled in; stages and scratch are left out, images that files come from are not."""
    dockerfile = Dockerfile.parse(STAGES)

    assert dockerfile.bases(None, NO_ARGS) == ("python:3.13", "alpine:3")
    assert dockerfile.bases(None, {"BASE": "mine"}) == ("mine", "alpine:3")
    assert dockerfile.bases("unused", NO_ARGS) == ("python:3.13", "busybox")


def test_a_base_that_only_the_engine_can_tell_is_left_out() -> None:
    """The value of a platform argument is not known here, unless the user sets it."""
    dockerfile = Dockerfile.parse("FROM --platform=$BUILDPLATFORM python:${TARGETARCH}\n")

    assert dockerfile.bases(None, NO_ARGS) == ()
    assert dockerfile.bases(None, {"TARGETARCH": "arm64"}) == ("python:arm64",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM a\n", None),
        ("FROM scratch\n", "/"),
        ("FROM a\nWORKDIR /app\n", "/app"),
        ("FROM a\nWORKDIR app\n", None),
        ("FROM scratch\nWORKDIR app\nWORKDIR sub/../x\n", "/app/x"),
        ("FROM a\nWORKDIR /app\nWORKDIR sub\n", "/app/sub"),
        ("FROM a AS b\nWORKDIR /app\nFROM b\nWORKDIR sub\n", "/app/sub"),
        ("FROM a\nENV HOME=/h\nWORKDIR $HOME/x\n", "/h/x"),
        ("FROM a\nWORKDIR $HOME\n", None),
        ("FROM a\nARG DIR=/d\nWORKDIR ${DIR}\n", "/d"),
        ("ARG DIR=/d\nFROM a\nWORKDIR ${DIR:-/e}\n", None),
        ("ARG DIR=/d\nFROM a\nARG DIR\nWORKDIR ${DIR:-/e}\n", "/d"),
        ("FROM scratch\nWORKDIR ${DIR:-/e}\n", "/e"),
        ("FROM a\nENV X=1 Y=/${X}\nWORKDIR /y$Y\n", None),
        ("FROM a\nENV X=1\nENV Y=/${X}\nWORKDIR /y$Y\n", "/y/1"),
        ('FROM a\nWORKDIR "/my app/"\n', "/my app"),
        ("FROM a\nONBUILD WORKDIR /x\n", None),
        ("FROM a AS b\nONBUILD WORKDIR /x\nFROM b\n", "/x"),
    ],
)
def test_the_workdir_is_composed_over_all_stages(text: str, expected: str | None) -> None:
    """It is None only where the external base image has a say."""
    assert Dockerfile.parse(text).workdir(None, NO_ARGS) == expected


def test_an_argument_given_outside_wins_over_its_default() -> None:
    """A build argument fills in an ARG of any stage."""
    assert Dockerfile.parse("FROM a\nARG D=/d\nWORKDIR $D\n").workdir(None, {"D": "/e"}) == "/e"


@pytest.mark.parametrize(
    ("line", "sources", "destination", "into"),
    [
        ("COPY a.txt .", ("a.txt",), "/app", True),
        ("COPY a.txt b/", ("a.txt",), "/app/b", True),
        ("COPY a.txt /app", ("a.txt",), "/app", True),
        ("COPY a.txt /", ("a.txt",), "/", True),
        ("COPY a.txt /b.txt", ("a.txt",), "/b.txt", False),
        ("COPY a b /c", ("a", "b"), "/c", True),
        ('COPY ["a b", "c d/"]', ("a b",), "/app/c d", True),
        ("COPY --chown=1:1 --chmod=755 --link a b", ("a",), "/app/b", False),
        ("COPY $F ./", ("x.txt",), "/app", True),
        ("COPY ${F:+y.txt} ${G:-z}/", ("y.txt",), "/app/z", True),
        ("COPY $UNKNOWN /b", None, "/b", False),
        ("COPY a $UNKNOWN", ("a",), None, False),
        ("COPY <<EOF a /b/\nx\nEOF", ("a",), "/b", True),
        ("ADD a.tar https://example.org/x /b/", ("a.tar",), "/b", True),
        ("RUN --mount=type=bind,source=a.txt,target=b x", ("a.txt",), None, False),
        ("RUN --mount=target=. x", ("/",), None, False),
        ('RUN --mount="type=bind,src=$F,dst=/x" x', ("x.txt",), None, False),
    ],
)
def test_what_is_taken_is_told(
    line: str, sources: tuple[str, ...] | None, destination: str | None, *, into: bool
) -> None:
    """Sources and destination are filled in; what the base image may define is None."""
    (take,) = Dockerfile.parse(f"FROM a\nWORKDIR /app\nENV F=x.txt G=\n{line}\n").takes(None, NO_ARGS)

    assert (take.line, take.sources, take.destination) == (4, sources, destination)
    assert take.into_directory is into


@pytest.mark.parametrize(
    "line",
    [
        "COPY --from=alpine /a /b",
        "COPY <<EOF /b\nx\nEOF",
        "ADD https://example.org/x.tar /b",
        "ADD git@example.org:me/x.git /b",
        "RUN --mount=type=cache,target=/x x",
        "RUN --mount=type=secret,id=x x",
        "RUN --mount=type=ssh x",
        "RUN --mount=type=bind,from=alpine,target=/x x",
        "ONBUILD COPY a b",
        "RUN cp a b",
    ],
)
def test_what_comes_from_elsewhere_is_not_taken(line: str) -> None:
    """Other images, the net, inline documents and held back instructions take nothing from the context."""
    assert Dockerfile.parse(f"FROM a\n{line}\n").takes(None, NO_ARGS) == ()


def test_what_a_stage_holds_back_is_taken_by_the_next() -> None:
    """ONBUILD runs at the start of the stage that is built on it."""
    (take,) = Dockerfile.parse("FROM a AS b\nWORKDIR /w\nONBUILD COPY x ./\nFROM b\n").takes(None, NO_ARGS)

    assert (take.stage, take.sources, take.destination) == (1, ("x",), "/w")


def test_a_take_reads_as_its_line() -> None:
    """It is shown by file, line and instruction."""
    (take,) = Dockerfile.parse("FROM a\nCOPY  \\\n a   /b\n", "dev.Dockerfile").takes(None, NO_ARGS)

    assert str(take) == "dev.Dockerfile:2 COPY a /b"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("A", True),
        ("B", False),
        ("C", True),
        ("D", True),
        ("E", False),
        ("F", True),
        ("HTTP_PROXY", True),
        ("no_proxy", True),
        ("TARGETARCH", True),
    ],
)
def test_arguments_that_nothing_uses_have_no_effect(name: str, *, expected: bool) -> None:
    """Those count that a needed stage names or holds back for the next, and the predefined ones."""
    text = "ARG A=1\nARG E\nFROM x AS one\nARG B\nFROM y-$A\nARG C=2 D\nONBUILD ARG F\n"
    dockerfile = Dockerfile.parse(text)

    assert (meaning(dockerfile, None, {name: "v"}) != meaning(dockerfile, None, NO_ARGS)) is expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("FROM a\nFROB x\n", 2),
        ("FROM a b\n", 1),
        ("FROM a AS\n", 1),
        ("RUN x\nFROM a\n", 1),
        ("ARG x\n", 1),
        ("FROM a\nCOPY x\n", 2),
        ("FROM a\n\nONBUILD FROB\n", 3),
        ("FROM a\nRUN <<E\n", 2),
        ("FROM a\nENV x\n", 2),
    ],
)
def test_what_docker_would_refuse_is_an_error_with_its_line(text: str, line: int) -> None:
    """The error names the file and the line."""
    with pytest.raises(DockerfileError, match=rf"^dev\.Dockerfile:{line}: ") as caught:
        Dockerfile.parse(text, "dev.Dockerfile")

    assert caught.value.line == line


def test_a_stage_that_is_not_there_is_an_error() -> None:
    """A wrong `stage` of devrun.toml is told by its name."""
    with pytest.raises(DockerfileError, match="stage 'prod' is not in it"):
        Dockerfile.parse("FROM a\n").stage("prod")


@pytest.mark.parametrize(
    ("line", "foreign"),
    [
        ("# syntax=docker/dockerfile:1", False),
        ("# syntax=docker.io/docker/dockerfile:1.7-labs", False),
        ("# syntax=docker/dockerfile@sha256:0", False),
        ("# syntax=example.org/other:1", True),
        ("# syntax=docker/dockerfile-like", True),
        ("# a comment", False),
    ],
)
def test_another_frontend_is_known_by_its_syntax_line(line: str, *, foreign: bool) -> None:
    """Docker's own are read here; what another one makes of the file is not guessed."""
    assert (foreign_syntax(f"{line}\nnot a Dockerfile\n", NO_ARGS) is not None) is foreign


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("plain", "plain"),
        ("$A", "1"),
        ("${A}x", "1x"),
        ("$Ax", ""),
        ("$EMPTY", ""),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${NONE-d}", "d"),
        ("${A:+d}", "d"),
        ("${EMPTY+d}", "d"),
        ("${EMPTY:+d}", ""),
        ("${NONE:-${A}}", "1"),
        ("${A:?no}", "1"),
        ("${NONE:?no}", None),
        ("${A%x}", None),
        ("${A##*/}", None),
        ("${A/x/y}", None),
        ("${A//x/y}", None),
        ("${A:#x}", None),
        ("${A,,}", None),
        ("${}", None),
        ("${A:-$", None),
        ("$1", ""),
        ("$?", ""),
        ('"a\\"b\\c"', 'a"b\\c'),
        ('"open', None),
        ("a<b", "a<b"),
        ("$KNOWN_LATER", None),
        ("'$A'", "$A"),
        ('"$A b"', "1 b"),
        ("\\$A", "$A"),
        ("a\\ b", "a b"),
        ("${A", None),
        ("'open", None),
        ("$", "$"),
    ],
)
def test_variables_are_filled_in_as_a_shell_does(word: str, expected: str | None) -> None:
    """What cannot be told is None, never a guess."""
    scope = Scope({"A": "1", "EMPTY": "", "KNOWN_LATER": None}, complete=True)

    assert expand(word, scope, "\\") == expected
