"""A RUN is taken for harmless only where each of its commands is known to read no settings."""

import pytest

from devrun.sources.dockerfile import Dockerfile
from devrun.sources.run_commands import reads_anything

HARMLESS = [
    "RUN pip install --no-cache-dir -r requirements.txt",
    "RUN python3.12 -m pip install . --group test",
    "RUN --mount=type=cache,target=/cache uv sync --locked --no-install-project",
    "RUN apt-get update && apt-get install -y git; rm -rf /var/lib/apt/lists/*",
    "RUN python -m venv /venv && . /venv/bin/activate && /venv/bin/pip install flask > /dev/null 2>&1",
    "RUN PIP_NO_INPUT=1 poetry install --no-root || (echo no && false)",
    "RUN if [ -n \"$DEV\" ]; then pip install '.[dev]'; fi",
    'RUN ["pip", "install", "."]',
    "RUN <<EOF\n# install\nset -e\npip install . \\\n  flask\nEOF",
    "RUN mkdir /x && useradd app",
]
OPEN = [
    "RUN pytest",
    "RUN pip install . && ruff check .",
    "RUN make",
    "RUN ./build.sh",
    "RUN python manage.py collectstatic",
    "RUN python -m app.assets",
    "RUN python -c 'import app'",
    "RUN python",
    "RUN uv run make-assets",
    "RUN hatch test",
    "RUN poetry -v run pytest",
    "RUN sh -c 'pytest'",
    "RUN . ./prepare",
    "RUN echo `pytest`",
    "RUN echo $(pytest)",
    "RUN echo 'open",
    'RUN ["pytest"]',
    "RUN <<EOF\npip install .\npytest\nEOF",
    "RUN <<EOF\n#!/usr/bin/env python\nimport app\nEOF",
    "RUN python <<EOF\nimport app\nEOF",
]


def is_open(line: str) -> bool:
    """Return the answer for one RUN."""
    (run,) = Dockerfile.parse(f"FROM a\n{line}\n").stages[0].instructions
    return reads_anything(run)


@pytest.mark.parametrize("line", HARMLESS)
def test_installers_and_plain_tools_read_no_other_settings(line: str) -> None:
    """What they do is known from their names."""
    assert not is_open(line)


@pytest.mark.parametrize("line", OPEN)
def test_whatever_else_runs_may_read_anything(line: str) -> None:
    """A checker, a program of the project, a shell in a shell, and all that is not understood."""
    assert is_open(line)
