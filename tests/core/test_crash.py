"""The reason why a program ended is read from its last lines."""

import pytest

from devrun.config.project import Spec
from devrun.core.crash import explain_exit
from devrun.core.values import Container, ContainerId, ImageId, Phase

TRACEBACK = """\
serving
Traceback (most recent call last):
  File "/app/app.py", line 3, in <module>
    import views
  File "/app/views.py", line 7, in <module>
    1 / 0
    ~~^~~
ZeroDivisionError: division by zero"""


def ended(code: int = 1, error: str = "") -> Container:
    return Container(
        ContainerId("c"), "web", ImageId("i"), Spec(""), Phase.EXITED, exit_code=code, error=error
    )


def explained(output: str, container: Container | None = None) -> tuple[str, str]:
    return explain_exit(container or ended(), output.split("\n"))


def test_an_exception_is_told_with_its_innermost_file_and_line() -> None:
    """That is where its author has to look."""
    assert explained(TRACEBACK) == ("/app/views.py:7: ZeroDivisionError: division by zero", "")


def test_of_chained_exceptions_the_last_one_counts() -> None:
    """It is the one that ended the program."""
    chained = f"""{TRACEBACK}

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/app.py", line 5, in <module>
    raise SystemError
SystemError"""
    assert explained(chained) == ("/app/app.py:5: SystemError", "")


def test_a_syntax_error_is_told_with_its_line() -> None:
    """Python shows no traceback above it."""
    output = '  File "/app/app.py", line 2\n    if\n      ^\nSyntaxError: invalid syntax'

    assert explained(output) == ("/app/app.py:2: SyntaxError: invalid syntax", "")


def test_the_colours_of_a_traceback_do_not_matter() -> None:
    """Newer Pythons colour it on a terminal."""
    output = (
        '  File \x1b[35m"/app/app.py"\x1b[0m, line \x1b[35m2\x1b[0m, in \x1b[35mmain\x1b[0m\n'
        "\x1b[1;35mValueError\x1b[0m: \x1b[35mno\x1b[0m"
    )
    assert explained(output) == ("/app/app.py:2: ValueError: no", "")


def test_a_missing_module_leads_to_the_requirements() -> None:
    """By an import, and by `python -m`, which shows no traceback."""
    imported = "  File \"/app/app.py\", line 1, in <module>\nModuleNotFoundError: No module named 'flask'"

    assert explained(imported) == (
        "/app/app.py:1: ModuleNotFoundError: No module named 'flask'",
        "is 'flask' in the requirements?",
    )
    assert explained("/usr/bin/python: No module named flask") == (
        "/usr/bin/python: No module named flask",
        "is flask in the requirements?",
    )


@pytest.mark.parametrize(
    ("said", "file"),
    [
        ("python: can't open file '//./example.py': [Errno 2] No such file or directory", "/example.py"),
        ("python: can't open file '/app/x y.py': [Errno 2] No such file or directory", "/app/x y.py"),
        ("python3: can't open file './x.py': [Errno 2] No such file or directory", "x.py"),
    ],
)
def test_a_script_that_the_container_does_not_have_is_named(said: str, file: str) -> None:
    """With the three places where the mistake may be."""
    error, hint = explained(f"{said}\n", ended(2))

    assert error == f"the container has no file {file}"
    assert "COPY" in hint


def test_what_the_engine_said_counts_where_the_program_said_nothing() -> None:
    """It could not even be started."""
    assert explain_exit(ended(127, "exec: no such file"), ()) == ("exec: no such file", "")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (1, "exited with 1"),
        (137, "exited with 137 (SIGKILL)"),
        (143, "exited with 143 (SIGTERM)"),
        (200, "exited with 200"),
    ],
)
def test_otherwise_the_exit_code_is_all_there_is(code: int, text: str) -> None:
    """With the signal, where it says one."""
    assert explained("bye", ended(code)) == (text, "")


def test_a_traceback_without_its_end_is_no_exception() -> None:
    """The lines that were kept begin or end anywhere."""
    assert explained('  File "/app/app.py", line 2, in main\n    main()') == ("exited with 1", "")


def test_a_debugger_that_is_not_there_is_told_with_both_ways_out() -> None:
    """Nothing of the project imports it."""
    assert explained("/usr/local/bin/python: No module named debugpy") == (
        "/usr/local/bin/python: No module named debugpy",
        "add debugpy to the requirements, or take `debug` out of devrun.toml",
    )
