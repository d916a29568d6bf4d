"""Processes: how they are started as a container would start them, who descends from whom, and their end.

The agent adopts the orphans of its program, so that nothing the program started gets away. What was started
by `docker exec` never descends from the agent: it is no child of the container's main process, and its
orphans go to process 1, which the agent is not.
"""

from __future__ import annotations

import contextlib
import os
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping
    from typing import NoReturn

NOT_RUN, NOT_FOUND = 126, 127
"""The codes that a container ends with when its command cannot be run."""
PR_SET_CHILD_SUBREAPER = 36
UNFORWARDED = {
    signal.SIGCHLD,
    signal.SIGKILL,
    signal.SIGSTOP,
    # Faults are about the process that has them; stops of a terminal's jobs are the kernel's.
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGABRT,
    signal.SIGTRAP,
    signal.SIGSYS,
    signal.SIGTTIN,
    signal.SIGTTOU,
}
IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)
"""Python ignores them for itself at its start, and what is ignored stays so over an exec."""


def forwarded() -> list[int]:
    """Returns the signals to pass on to the program; those that are ignored are so for the program, too."""
    return [
        int(number)
        for number in signal.valid_signals()
        if number not in UNFORWARDED
        and number not in IGNORED_BY_PYTHON
        and signal.getsignal(number) is not signal.SIG_IGN
    ]


def be_init() -> None:
    """Returns in a child, while process 1 stays behind: it reaps, passes signals on, and ends with the child.

    Without it the orphans of `docker exec` would be the agent's children, and look like the program's.
    """
    child = os.fork()
    if not child:
        return
    for number in forwarded():
        signal.signal(number, lambda received, _: send(child, received))
    _reap_until(child)


def _reap_until(child: int) -> NoReturn:
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            os._exit(exit_code(status))


def adopt_orphans() -> bool:
    """Has the kernel give orphaned descendants to this process; False where Python cannot ask for it."""
    try:
        import ctypes  # A Python may lack it.

        return bool(ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (ImportError, OSError, AttributeError):
        return False


def first_environment() -> dict[bytes, bytes]:
    """Returns the environment as the container gave it: Python adds to its own where no locale is set."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return dict(os.environb)
    pairs = (entry.partition(b"=") for entry in entries if b"=" in entry)
    return {name: value for name, _, value in pairs}


def spawn(
    command: list[str], environment: Mapping[bytes, bytes], fds: Mapping[int, int] | None = None
) -> int:
    """Starts a program in a session of its own and returns its pid; one that cannot be run says so and ends.

    `fds` are descriptors that it gets, by the number that they have there. posix_spawn would be no faster
    by anything that counts, and the C library leaves two signals ignored by it.
    """
    terminal = os.isatty(0)
    # What is sent to the program before it is one waits for it: here it would be the agent's to handle.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if not pid:
            _forget_signals()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    if not pid:
        try:
            if terminal:
                _take_terminal()
            else:
                os.setsid()
            for number, mine in (fds or {}).items():
                os.dup2(mine, number)
            _exec(command, environment)
        finally:
            os._exit(NOT_RUN)
    return pid


def _forget_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)


def _take_terminal() -> None:
    """Makes this process the terminal's foreground job: a new session would lose the terminal."""
    os.setpgid(0, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTTOU])
    with contextlib.suppress(OSError):  # A terminal that is not the container's own.
        os.tcsetpgrp(0, os.getpgrp())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTTOU])


def _exec(command: list[str], environment: Mapping[bytes, bytes]) -> None:
    for number in IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environment)
    except OSError as error:
        os.write(2, os.fsencode(f"devrun agent: cannot run {command[0]!r}: {error.strerror}\n"))
        os._exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_RUN)


def exit_code(status: int) -> int:
    """Returns a wait status as a container's exit code, 128 and the number for one ended by a signal."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def reap() -> Iterator[tuple[int, int]]:
    """Yields pid and exit code of the children that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        yield pid, exit_code(status)


def kill_descendants(spared: Container[int]) -> bool:
    """Kills all that descends from this process, except the spared children and what is theirs.

    Returns whether there was none. Those that are killed have to be reaped before it is asked again.
    """
    found = [child for child in _children(os.getpid()) if child not in spared]
    for child in found:
        kill_tree(child)
    return not found


def kill_tree(pid: int) -> None:
    """Kills a process and its descendants."""
    for each in tuple(_tree(pid)):
        send(each, signal.SIGKILL)


def _tree(pid: int) -> Iterator[int]:
    """Yields a process and its descendants, those that could start new ones first."""
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _children(pid: int) -> list[int]:
    try:
        return [child for task in os.listdir(f"/proc/{pid}/task") for child in _children_of_task(pid, task)]
    except OSError:  # It has ended.
        return []


def _children_of_task(pid: int, task: str) -> list[int]:
    try:
        with open(f"/proc/{pid}/task/{task}/children", "rb") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:  # A kernel without CONFIG_PROC_CHILDREN, or a thread that has ended.
        return [child for child, parent, _ in _everyone() if parent == pid] if task == str(pid) else []


def kill_session(leader: int) -> bool:
    """Kills the processes of the session that a program led; returns whether there was none.

    It is all that can be found of an ended program where orphans are not adopted.
    """
    found = [pid for pid, _, session in _everyone() if session == leader]
    for pid in found:
        send(pid, signal.SIGKILL)
    return not found


def _everyone() -> Iterator[tuple[int, int, int]]:
    """Yields pid, parent and session of each process that has not ended."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{name}/stat", "rb") as file:
                # The name before the last bracket may hold anything.
                state, parent, _, session = file.read().rpartition(b")")[2].split()[:4]
                if state != b"Z":
                    yield int(name), int(parent), int(session)


def send(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)
