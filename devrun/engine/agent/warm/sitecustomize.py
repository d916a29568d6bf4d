"""Runs inside the program's own interpreter, when Python is about to begin with the program, and waits.

A zygote is started with the very command line of the program, and this directory first in PYTHONPATH. Python
imports `sitecustomize` when it is all set up, and before it looks at the program: here, what the program
needs from outside the project is imported, and then a process is forked for each start. In it this import
fails, as it would have without us, and the interpreter goes on to the program by itself: arguments,
`__main__`, `sys.path` and tracebacks are not imitated, they are what they always are.

It talks by three descriptors: commands come in by one, answers go out by the second, and a process that is
forked waits at the third until the program before it has ended.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from preload import Preload

ALREADY = frozenset(sys.modules)
RECORDS = 5000
"""How many imports of one run are noted at most: some programs load one module over and over."""


def _wait() -> str:
    """Returns, in a process that is to become the program, the file that notes its imports."""
    *numbers, plan = os.environ.pop("DEVRUN_AGENT").split(":", 4)
    commands, answers, gate, had_path = map(int, numbers)
    here = os.path.dirname(__file__)
    sys.path.remove(here)
    sys.path_importer_cache.pop(here, None)
    before = os.environ.pop("PYTHONPATH").partition(":")[2]
    if had_path:
        os.environ["PYTHONPATH"] = before
    name = _rename(b"devrun-warm")
    load: Preload | None = None
    if plan:
        source = os.path.join(here, "preload.py")
        names: dict = {}  # type: ignore[type-arg]
        with open(source, encoding="utf-8") as file:
            exec(compile(file.read(), source, "exec"), names)
        load = names["Preload"](plan, answers)
        load.run(ALREADY)
    os.write(answers, b"ready\n")
    notes = _serve(commands, answers, load)
    # From here on it is the program's process.
    os.setsid()
    os.write(answers, b"pid %d\n" % os.getpid())
    os.close(commands)
    os.close(answers)
    token = b""
    while token != b"%10d" % os.getpid():
        token = os.read(gate, 10)
        if not token:
            os._exit(0)
    os.close(gate)
    _rename(name)
    if load:
        load.leave()
    return notes


def _serve(commands: int, answers: int, load: "Preload | None") -> str:
    """Forks at each command; returns in the children alone, which are the agent's by then."""
    while True:
        command = os.read(commands, 4096)
        if not command:
            os._exit(0)
        why_not = load.check() if load else ""
        if why_not:
            os.write(answers, b"stale " + why_not.encode(errors="replace") + b"\n")
            continue
        middle = os.fork()
        if not middle:
            # Its parent ends at once, so that the agent inherits it, and can wait for it.
            if os.fork():
                os._exit(0)
            return os.fsdecode(command.strip())
        os.waitpid(middle, 0)
        os.write(answers, b"inherited\n")


def _rename(name: bytes) -> bytes:
    """Names this process in lists of processes, and returns its name until then."""
    try:
        with open("/proc/self/comm", "r+b", buffering=0) as file:
            before = file.read().strip()
            file.write(name)
    except OSError:
        return name
    return before


def _record(notes: str) -> None:
    """Has a line written for each module that is imported from now on: its name, and where it comes from."""
    bootstrap: object = sys.modules["_frozen_importlib"]
    find = bootstrap._find_spec  # type: ignore[attr-defined]
    left = [RECORDS]

    def _find_spec(name: str, path: object, target: object = None) -> "ModuleSpec | None":
        spec: ModuleSpec | None = find(name, path, target)
        # Who only asks whether a module exists does not want it loaded.
        if spec is not None and left[0] and sys._getframe(1).f_code.co_name == "_find_and_load_unlocked":
            left[0] -= 1
            try:
                # No descriptor is kept open, which the program could close and take for itself.
                file = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
                os.write(file, f"{name}\t{spec.origin}\n".encode(errors="replace"))
                os.close(file)
            except OSError:
                left[0] = 0
        return spec

    bootstrap._find_spec = _find_spec  # type: ignore[attr-defined]


if "DEVRUN_AGENT" in os.environ:
    _agent = os.getpid()
    try:
        _notes = _wait()
        _record(_notes)
    except BaseException:
        # A zygote that failed must not go on to the program: it is not the one that was asked for.
        if os.getpid() == _agent:
            os._exit(70)
del sys.modules["sitecustomize"]
import sitecustomize  # noqa: E402, F401  # The one that is there without us, or the error that there is none.
