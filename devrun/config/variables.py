"""`${NAME}` and `${NAME:-default}` in the values of a tree, filled in from the environment; `$$` is a `$`.

Values that nothing could use are refused here too, wherever they stand: numbers that TOML does not promise
to keep, and the NUL character, which neither a path nor a program's environment can hold.
"""

import re
from collections.abc import Iterable, Mapping

from devrun.config.problems import KeyPath, Problem
from devrun.config.schema import Tree

Environment = Mapping[str, str]

LARGEST = 2**63 - 1
"""What TOML promises to keep of a whole number."""

MALFORMED = "${ begins a variable, as in ${NAME} or ${NAME:-default}; for the characters themselves write $${"

_VARIABLE = re.compile(
    r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|(?P<malformed>\$(?=\{))"
)


def expand(tree: Tree, environment: Environment, problems: list[Problem]) -> Tree:
    """Return the tree with its variables filled in, and add what is wrong with it to `problems`."""

    def _expanded(value: object, path: KeyPath) -> object:
        match value:
            case str():
                full, complaints = _expand_text(value, environment)
                problems.extend(Problem(path, text) for text in complaints)
                return full
            case list():
                return [_expanded(item, (*path, index)) for index, item in enumerate(value)]
            case dict():
                return {key: _expanded(item, (*path, key)) for key, item in value.items()}
            case int() if abs(value) > LARGEST:
                problems.append(Problem(path, "the number is too large"))
                return 0
            case _:
                return value

    return {key: _expanded(value, (key,)) for key, value in tree.items()}


def _expand_text(text: str, environment: Environment) -> tuple[str, Iterable[str]]:
    """Return the text filled in, and what is wrong with it, each thing once."""
    complaints: dict[str, None] = {}

    def _value_of(match: "re.Match[str]") -> str:
        name, default = match["name"], match["default"]
        if match["malformed"]:
            complaints[MALFORMED] = None
        if name is None:
            return "$"
        value = environment.get(name, "")
        if default is None and name not in environment:
            complaints[f"the environment has no {name}; set it, or write ${{{name}:-default}}"] = None
        return value or default or ""

    # Without a closing brace behind it nothing is a variable, and looking for one would take for ever.
    end = text.rfind("}") + 1
    if "${" in text[end:].replace("$$", ""):
        complaints[MALFORMED] = None
    full = _VARIABLE.sub(_value_of, text[:end]) + text[end:].replace("$$", "$")
    if "\0" in full:
        complaints["a NUL character cannot be used"] = None
    return full.replace("\0", ""), complaints
