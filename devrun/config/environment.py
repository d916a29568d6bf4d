"""Files of environment variables, as `docker compose` and most tools read them."""

import io
from collections.abc import Mapping

from dotenv import dotenv_values


def parse_env_file(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a file; a bare name is taken from the environment."""
    said = dotenv_values(stream=io.StringIO(text.removeprefix("\ufeff")), interpolate=True)
    values = {name: environment.get(name) if value is None else value for name, value in said.items()}
    return {name: value for name, value in values.items() if value is not None}
