"""Agents that end with their test."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.agent.bench import Agent, Program, pythons

Begin = Callable[..., Agent]


@pytest.fixture(scope="session")
def oldest() -> str:
    """The oldest Python of this machine that the agent runs on."""
    return next(iter(pythons().values()))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project."""
    made = tmp_path / "project"
    made.mkdir()
    return made


@pytest.fixture
def begin(project: Path, oldest: str) -> Iterator[Begin]:
    """Starts an agent for a program that is given as its text."""
    begun: list[Agent] = []

    def start(
        text: str,
        *options: str,
        depth: str = "process",
        words: tuple[str, ...] = ("-u", "app.py"),
        **env: str,
    ) -> Agent:
        (project / "app.py").write_text(text)
        agent = Agent(project, oldest, Program(words, {}, env=env), depth, *options)
        begun.append(agent)
        return agent

    yield start
    for agent in begun:
        with suppress(OSError):
            agent.running.process.kill()
        agent.close()
