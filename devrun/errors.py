"""The errors that devrun tells its user: a message, a remedy, and the exit code of the command.

A message says what failed and then the cause; a hint says what to do about it. Every error that may reach
a user is one of these; anything else is a bug of devrun's own.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a devrun command ends with."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_RUNNING = 3
    ENGINE_UNREACHABLE = 4
    ALREADY_RUNNING = 5
    TARGET_FAILED = 6
    TIMED_OUT = 124
    OWN_ERROR = 125
    """Of commands that otherwise end with the code of the program that they run."""
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    INTERRUPTED = 130


class DevrunError(Exception):
    """Something that the user can understand and act on."""

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(DevrunError):
    """`devrun.toml`, or a file that it names, says what cannot be done."""

    exit_code = ExitCode.USAGE


class UnknownNameError(DevrunError):
    """No target, or image, is called so."""

    exit_code = ExitCode.USAGE


class NotRunningError(DevrunError):
    """No daemon serves this project."""

    exit_code = ExitCode.NOT_RUNNING


class AlreadyRunningError(DevrunError):
    """Another daemon serves this project."""

    exit_code = ExitCode.ALREADY_RUNNING


class EngineError(DevrunError):
    """The container engine refused, with its reason; asking again with the same values would not help."""

    def __init__(self, message: str, *, hint: str = "", step: str = "", output: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint=hint)
        self.step = step
        """The failing instruction of a build."""
        self.output = output
        """Its last lines."""


class ProgramError(EngineError):
    """A program that was asked for cannot be started in the container."""

    exit_code = ExitCode.NOT_EXECUTABLE


class ProgramMissingError(ProgramError):
    """There is no such program in the container."""

    exit_code = ExitCode.NOT_FOUND


class EngineUnreachableError(DevrunError):
    """The engine does not answer; what was asked of it may or may not have happened."""

    exit_code = ExitCode.ENGINE_UNREACHABLE


class BuildCancelledError(DevrunError):
    """The build was given up on devrun's own wish."""
