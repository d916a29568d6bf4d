"""What a configuration asks for beyond its containers: nobody has it unless the user grants it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing of this machine that is asked for."""

    text: str
    """Who asks for what, in words that are the same wherever it stands in the file."""
    refusal: str
    """What is said where it is not granted, with file, line and key."""
