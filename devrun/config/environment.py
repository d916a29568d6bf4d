"""Files of environment variables, as `docker compose` and most tools read them."""

import io
from collections.abc import Mapping

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables


class EnvFileError(Exception):
    """A line of the file is no `NAME=VALUE`; the text says which."""


def parse_env_file(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a file.

    A bare name is taken from the environment, as is `${NAME}` in a value where the file itself has not said
    it above. Raises EnvFileError.
    """
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            raise EnvFileError(f"line {binding.original.line} is no NAME=VALUE")
        if binding.key is None:
            continue  # a comment, or nothing
        if binding.value is None:
            values |= {binding.key: environment[binding.key]} if binding.key in environment else {}
            continue
        known = {**environment, **values}
        values[binding.key] = "".join(atom.resolve(known) for atom in parse_variables(binding.value))
    return values
