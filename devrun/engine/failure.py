"""A failed build in words for its user: the instruction, what became of it, what to do.

Builders wrap the cause in their own layers, and each release words it differently; the patterns here are
those of BuildKit in engines 20.10 to 29, and of the classic builder.
"""

import re
from dataclasses import dataclass

from devrun.engine.refusals import explain
from devrun.engine.steps import Step
from devrun.errors import EngineError

INSTRUCTION_LIMIT = 100
"""A message is one line; the whole instruction stands in the error's `step`."""

_PARSE_ERROR = re.compile(r"dockerfile parse error (?:on )?line (\d+): (.+)", re.IGNORECASE | re.DOTALL)
_EXIT_CODE = re.compile(r"(?:exit code|non-zero code): (\d+)\s*$")
_NOT_IN_CONTEXT = (
    re.compile(r"(?:failed to calculate checksum|cache key).*\"(?P<path>[^\"]+)\"(?: not found)?: not found"),
    re.compile(r"^\"(?P<path>[^\"]+)\" not found: not found"),
    re.compile(r"lstat /?(?:\S*/)?(?P<path>[^/:]+): no such file or directory"),
    re.compile(r"file not found in build context or excluded by \.dockerignore: stat (?P<path>.+?):"),
    re.compile(r"(?:COPY|ADD) failed: (?:no source files were specified|.*stat (?P<path>\S+): no such file)"),
)
_NO_STAGE = re.compile(r"target stage \"?([^\" ]+)\"? could not be found|failed to reach build target (\S+)")
_NOT_GIVEN = (
    (
        re.compile(r"secret ([^\s:]+):? not found"),
        r"the build is given no secret \1",
        r'name it in devrun.toml, under [image]: secrets = { \1 = "FILE" }',
    ),
    (
        re.compile(r"(?:unset ssh forward|no SSH) key \"?([^\s\"]+)"),
        r"the build is given no ssh agent \1",
        r'name it in devrun.toml, under [image]: ssh = ["\1"]',
    ),
    (
        # An ONBUILD instruction of the base image is seen by the engine only.
        re.compile("no active sessions"),
        "its base image needs a build session",
        "name the secrets or the agent in devrun.toml, under [image]: secrets = ..., ssh = true",
    ),
)
_NOISE = re.compile(
    r"failed to solve(?: with frontend \S+)?: "
    r"|failed to (?:create LLB definition|compute cache key|load cache key): "
    r"|rpc error: code = \w+ desc = |process \".*?\" did not complete successfully: "
    r"|executor failed running \[.*?\]: ",
    re.DOTALL,
)
_EXITS = {
    126: " (it may not be executed)",
    127: " (command not found)",
    137: " (killed; often for want of memory)",
}


class DockerfileError(EngineError):
    """The builder does not understand the Dockerfile."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """The Dockerfile that failed: its name for people, its text, and the folder that it copies from."""

    name: str
    text: str
    context: str


def build_error(recipe: Recipe, message: str, exit_code: int | None, step: Step | None) -> EngineError:
    """Return the error to show for a build that ended with the engine's `message`."""
    faulty = _PARSE_ERROR.search(message)
    if faulty:
        return _parse_error(recipe, int(faulty[1]), faulty[2])
    missing_stage = _NO_STAGE.search(message)
    if missing_stage:
        stage = missing_stage[1] or missing_stage[2]
        return EngineError(
            f"{recipe.name} has no stage {stage}", hint="correct `stage` in devrun.toml, or the FROM line"
        )
    cause, hint = _cause(recipe, message, exit_code)
    instruction = step.instruction if step else ""
    output = tuple(step.output) if step else ()
    return EngineError(
        f"{_shortened(instruction) or recipe.name}: {cause}", hint=hint, step=instruction, output=output
    )


def _parse_error(recipe: Recipe, line: int, cause: str) -> DockerfileError:
    hint = "correct the Dockerfile"
    if "<<" in recipe.text:
        hint += "; heredocs (`<<`) need Docker Engine 23, or `# syntax=docker/dockerfile:1` as the first line"
    return DockerfileError(f"{recipe.name}:{line}: {cause.strip()}", hint=hint)


def _cause(recipe: Recipe, message: str, exit_code: int | None) -> tuple[str, str]:
    ended = _EXIT_CODE.search(message)
    code = exit_code or (int(ended[1]) if ended else None)
    if code is not None:
        hint = "its output says why; the next change of what it reads builds again"
        return f"exit code {code}{_EXITS.get(code, '')}", hint
    for pattern in _NOT_IN_CONTEXT:
        found = pattern.search(message)
        if found:
            what = f'"{found["path"].lstrip("/")}"' if found["path"] else "what it copies"
            return (
                f"{what} is not in the build context",
                f"is it below {recipe.context}, and not left out by the ignore file?",
            )
    for pattern, cause, hint in _NOT_GIVEN:
        found = pattern.search(message)
        if found:
            return found.expand(cause), found.expand(hint)
    return explain(_NOISE.sub("", message))


def _shortened(instruction: str) -> str:
    line = " ".join(instruction.split())
    return line if len(line) <= INSTRUCTION_LIMIT else f"{line[: INSTRUCTION_LIMIT - 1]}…"
