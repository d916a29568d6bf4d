"""What a zygote imports before it forks: modules from outside the project, as long as they keep still.

Nothing of the project is imported, and no module is found where the project has one of its name. A name
whose import raises, writes, starts a thread or a process, opens a file, or changes where it is run taints the
zygote: the agent is told, and makes another one without it.
"""

import gc
import os
import stat
import sys

TAINTED_S = 60
PACKAGES = ("/site-packages/", "/dist-packages/")


class _BlockedError(BaseException):
    """Passes by `except ImportError`: a module is not missing, it must not be loaded here."""


class Preload:
    """The modules of one zygote, and what would make them wrong."""

    def __init__(self, plan: str, answers: int) -> None:
        self._answers = answers
        self._sources: list[str] = []
        self._names: list[str] = []
        self._blocked: set[str] = set()
        self._places: list[str] = []
        kinds = {"source": self._sources, "name": self._names, "place": self._places}
        with open(plan, encoding="utf-8", errors="surrogateescape") as file:
            for line in file.read().splitlines():
                kind, _, value = line.partition(" ")
                self._blocked.add(value) if kind == "blocked" else kinds[kind].append(value)
        self._hit = ""
        self._already: frozenset[str] = frozenset()
        self._listed: list[tuple[str, frozenset[str]]] = []
        self._output = -1
        self._freezes = False
        self._tops: set[str] = set()
        self._stamps: dict[str, object] = {}
        self._names_in: dict[str, frozenset[str]] = {}
        """What the entries of sys.path hold: that a tool keeps its notes there changes their times alone."""
        self._path = list(sys.path)

    def run(self, already: "frozenset[str]") -> None:
        """Imports; returns when it is ready to fork, and ends the process when it is tainted."""
        self._already = already
        own = [entry for entry in sys.path if self._own(entry)]
        self._places += own
        sys.path[:] = [entry for entry in sys.path if entry not in own]
        self._listed = [(place, _listing(place)) for place in self._places]
        kept = os.dup(1), os.dup(2)
        self._output = os.memfd_create("devrun-preload")
        _flush()
        os.dup2(self._output, 1)
        os.dup2(self._output, 2)
        tainted = self._import_all()
        if tainted:
            self._answer("tainted")
            # What was started by an import is found below this process, which the agent ends.
            sys.modules["time"].sleep(TAINTED_S)
            os._exit(0)
        for number, saved in enumerate(kept, 1):
            os.dup2(saved, number)
            os.close(saved)
        os.close(self._output)
        if "gc" not in already and "gc" not in self._names:
            del sys.modules["gc"]
        self._stamp()
        gc.collect()
        # What is frozen is not copied by the collector's marks. 3.12 freezes by itself what it begins with.
        self._freezes = gc.get_freeze_count() == 0
        if self._freezes:
            gc.freeze()

    def _answer(self, line: str) -> None:
        os.write(self._answers, line.encode(errors="replace") + b"\n")

    def _import_all(self) -> bool:
        sys.meta_path.insert(0, self)
        tainted = False
        state = self._state()
        for name in self._names:
            if name in sys.modules:
                continue
            problem = self._import(name)
            after = self._state()
            problem = problem or _difference(state, after)
            if problem:
                tainted = True
                self._answer(f"bad {name}\t{problem}")
                if after["threads"] or after["processes"]:
                    break
            state = after
        sys.meta_path.remove(self)
        return tainted

    def _import(self, name: str) -> str:
        self._hit = ""
        try:
            __import__(name)
        except BaseException as error:
            return self._hit or f"raises {type(error).__name__}"
        finally:
            _flush()
        return self._hit

    def find_spec(self, name: str, _path: object, _target: object = None) -> None:
        """Finds nothing, as the first of the import system's finders, but has a say in what must not be."""
        top = name.partition(".")[0]
        if name in self._blocked:
            self._hit = f"needs {name}"
        elif self._shadowed(top):
            self._hit = f"the project has a module {top}"
        else:
            return
        raise _BlockedError(name)

    def _state(self) -> "dict[str, object]":
        """Returns what must stay as it is."""
        return {
            "threads": len(os.listdir("/proc/self/task")) - 1,
            "processes": _has_children(),
            "output": os.fstat(self._output).st_size,
            "open files": _open_files(),
            "directory": os.getcwd(),
            "sys.path": list(sys.path),
        }

    def _own(self, path: str) -> bool:
        below = any(f"{path}/".startswith(f"{source}/") for source in self._sources)
        return below and not any(mark in f"{path}/" for mark in PACKAGES) and "/lib/python3" not in path

    def _shadowed(self, top: str) -> bool:
        return top not in self._already and any(_has(place, names, top) for place, names in self._listed)

    def _stamp(self) -> None:
        """Notes how the files are now."""
        for name, module in tuple(sys.modules.items()):
            if name not in self._already:
                self._tops.add(name.partition(".")[0])
                file = getattr(module, "__file__", None)
                if isinstance(file, str):
                    self._stamps[file] = _stamp(file)
        for entry in sys.path:
            self._stamps[entry] = _stamp(entry)
            self._names_in[entry] = _telling(entry)

    def check(self) -> str:
        """Returns why these modules must not be used, empty if they may."""
        if len(os.listdir("/proc/self/task")) > 1:
            return "a thread was started"
        for file, stamp in tuple(self._stamps.items()):
            now = _stamp(file)
            if now != stamp:
                if file not in self._names_in or _telling(file) != self._names_in[file]:
                    return f"{file} changed"
                self._stamps[file] = now
        self._listed = [(place, _listing(place)) for place in self._places]
        for top in self._tops:
            if self._shadowed(top):
                return f"the project has a module {top} now"
        return ""

    def leave(self) -> None:
        """Makes this process the program's own: what is counted from a process's start begins here."""
        if self._freezes:
            gc.unfreeze()
        sys.path[:] = self._path
        for entry in self._places:
            sys.path_importer_cache.pop(entry, None)
        modules = sys.modules
        if "threading" in modules:
            thread = modules["threading"].main_thread()
            getattr(thread, "_set_native_id", int)()
        if "logging" in modules:
            logging = modules["logging"]
            now = (
                sys.modules["time"].time_ns
                if isinstance(logging._startTime, int)
                else sys.modules["time"].time
            )
            logging._startTime = now()  # type: ignore[attr-defined]
        if "numpy.random" in modules:
            modules["numpy.random"].seed()


def _difference(before: "dict[str, object]", after: "dict[str, object]") -> str:
    says = {
        "threads": "starts threads",
        "processes": "starts a process",
        "output": "writes output",
        "open files": "leaves files open",
        "directory": "changes the directory",
        "sys.path": "changes sys.path",
    }
    return next((words for key, words in says.items() if before[key] != after[key]), "")


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _open_files() -> "list[str]":
    """Returns the open descriptors, except those of devices such as /dev/urandom, which may be shared."""
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            mode = os.fstat(int(number)).st_mode
        except OSError:
            continue  # That of the listing itself.
        if not stat.S_ISCHR(mode):
            found.append(number)
    return sorted(found)


def _listing(place: str) -> "frozenset[str]":
    try:
        return frozenset(os.listdir(place))
    except OSError:
        return frozenset()


def _telling(place: str) -> "frozenset[str]":
    """Returns the names in a directory that modules, or what is told of them, may have."""
    return frozenset(name for name in _listing(place) if name[0] != "." and name != "__pycache__")


def _has(place: str, names: "frozenset[str]", top: str) -> bool:
    """Tells whether a directory has a module of this name; one without `__init__` never comes first."""
    if f"{top}.py" in names or f"{top}.pyc" in names:
        return True
    if top in names and os.path.exists(os.path.join(place, top, "__init__.py")):
        return True
    return any(name.startswith(f"{top}.") and name.endswith(".so") for name in names)


def _stamp(file: str) -> "tuple[int, int] | None":
    try:
        seen = os.stat(file)
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
