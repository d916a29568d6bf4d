"""What engines say, in words for people."""

import pytest

from devrun.engine.refusals import explain, program_error
from devrun.errors import ExitCode


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "OCI runtime create failed: container_linux.go:380: starting container process caused: "
            'exec: "x": executable file not found in $PATH: unknown',
            'the program "x" is not in the container',
        ),
        (
            "failed to create task for container: failed to create shim task: OCI runtime create failed: "
            "runc create failed: unable to start container process: error during container init: "
            'exec: "/x": stat /x: no such file or directory: unknown',
            'the program "/x" is not in the container',
        ),
        (
            'OCI runtime create failed: runc create failed: unable to start container process: exec: "./x": '
            "permission denied: unknown",
            'the program "./x" is not executable',
        ),
        ("No such container: 1234", "no such container: 1234"),
        (
            'invalid mount config for type "bind": bind source path does not exist: /x',
            "bind source path does not exist: /x",
        ),
        (
            "driver failed programming external connectivity on endpoint x (abc123): "
            "Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use",
            "listen tcp4 127.0.0.1:80: bind: address already in use",
        ),
        ("unable to find user nobody2: no matching entries in passwd file",) * 2,
        ("OCI things.\n", "OCI things"),
        ("", ""),
    ],
)
def test_the_cause_is_taken_out_of_its_wrapping(said: str, expected: str) -> None:
    """The layers that an error came through are nobody's concern."""
    assert explain(said)[0] == expected


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("bind source path does not exist: /x", "mount"),
        ("Duplicate mount point: /app", "`volumes`"),
        ('could not select device driver "" with capabilities: [[gpu]]', "`gpus`"),
        (
            "image with reference x was found but does not match the specified platform: wanted a, actual: b",
            "`platform`",
        ),
        ("unable to find user x: no matching entries in passwd file", "user"),
        ("write /x: no space left on device", "docker system"),
        ('exec: "x": executable file not found in $PATH', "Dockerfile"),
        ("something else", ""),
    ],
)
def test_known_causes_come_with_a_remedy(said: str, hint: str) -> None:
    """What can be done about it is said where it is known."""
    assert hint in explain(said)[1]
    assert bool(hint) is bool(explain(said)[1])


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ('exec failed: exec: "x": executable file not found in $PATH: unknown', ExitCode.NOT_FOUND),
        ('exec: "/x": permission denied: unknown', ExitCode.NOT_EXECUTABLE),
        ("no space left on device", None),
    ],
)
def test_a_program_that_cannot_be_started_ends_as_in_a_shell(said: str, code: ExitCode | None) -> None:
    """With 127 where it is not there, with 126 where it is no program."""
    error = program_error(explain(said)[0])

    assert (error and error.exit_code) == code
