"""The programs of the equivalence suite: each says what it sees, and must see the same at every depth."""

import signal
import socket
from collections.abc import Callable, Mapping

from tests.agent.bench import Program, Running

SEEN = """
import sys
first = {name: repr(it) for name, it in sorted(vars().items()) if name not in ("sys", "__builtins__")}
import asyncio, gc, inspect, json, logging, os, resource, signal, threading, traceback, warnings
print(first)
print(sys.argv, getattr(sys, "orig_argv", None), sys.path, sys.flags, sys.warnoptions)
print(sys.modules["__main__"].__dict__ is vars(), type(__builtins__), __loader__.__class__)
print(sys.meta_path, len(sys.path_hooks), sys.dont_write_bytecode, sys.executable, sys.prefix)
print(os.getcwd(), sorted(os.environ.items()), oct(os.umask(0)), os.nice(0))
print(os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid())
print(sorted(fd for fd in map(int, os.listdir("/proc/self/fd")) if os.path.exists(f"/proc/self/fd/{fd}")))
print([(number, repr(signal.getsignal(number))) for number in sorted(signal.valid_signals())])
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
status = open("/proc/self/status").read().split("\\n")
print([line for line in status if line.startswith(("SigB", "SigI", "SigC", "NoNewPrivs", "Cap", "Threads"))])
print([resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")])
for stream in (sys.stdout, sys.stderr):
    print(stream.encoding, stream.errors, stream.line_buffering, stream.isatty())
print(threading.main_thread().native_id == threading.get_native_id(), threading.active_count())
print(gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), sys.getrecursionlimit())
print(len(inspect.stack()), traceback.format_stack(), sys.gettrace(), sys.getprofile())
print(warnings.filters, 0 <= logging.LogRecord("", 0, "", 0, "", (), None).relativeCreated < 60000)
def depth(number=0):
    try:
        return depth(number + 1)
    except RecursionError:
        return number
print(depth())
print(open("/proc/self/comm").read(), open("/proc/self/cmdline").read())
print(sorted(sys.modules))
print(sys.modules["__main__"].__spec__ and __spec__.name, __package__)
print(sys.stdin.read())
"""

ENDING = """
import atexit, sys, threading
atexit.register(print, "atexit")
def late():
    print("late", flush=True)
class Kept:
    def __del__(self):
        print("del")
kept = Kept()
started = threading.Event()
thread = threading.Thread(target=lambda: (started.wait(), late()))
thread.start()
print("no newline", end="")
print("to stderr", file=sys.stderr)
started.set()
"""

PICKLED = """
import pickle, sys
import multiprocessing, multiprocessing.pool, concurrent.futures
class Thing:
    def __init__(self, value):
        self.value = value
def double(thing):
    return Thing(thing.value * 2)
if __name__ == "__main__":
    assert pickle.loads(pickle.dumps(Thing(1))).value == 1
    print(pickle.dumps(Thing), multiprocessing.current_process().name, multiprocessing.parent_process())
    method = sys.argv[1]
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        print(method, pool.submit(double, Thing(21)).result().value)
    parent, child = context.Pipe()
    process = context.Process(target=print, args=("in a child",))
    process.start()
    process.join()
    print(process.exitcode)
"""

CHAINED = """
import json, helper
def inner():
    return json.loads("{")
def outer():
    try:
        inner()
    except ValueError as error:
        raise helper.Failure("outer") from error
outer()
"""

ASYNC = """
import asyncio, signal
async def serve():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    out = await asyncio.create_subprocess_exec("echo", "from a child", stdout=asyncio.subprocess.PIPE)
    print((await out.communicate())[0])
    print(await asyncio.get_running_loop().run_in_executor(None, sum, [1, 2]))
    print("ready", flush=True)
    await stop.wait()
    print("stopped")
    return 3
raise SystemExit(asyncio.run(serve()))
"""

LEFT = """
import os, subprocess, sys, time
for detach in (False, True):
    subprocess.Popen(["sleep", "1000"], start_new_session=detach)
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(1000)
    os._exit(0)
os.wait()
print("left")
"""

FORKED = """
import os, random, subprocess, sys, tempfile, uuid
read, write = os.pipe()
if not os.fork():
    os.write(write, b"%d" % (os.getppid() != 0))
    print("child")
    sys.exit(3)
print(os.read(read, 10), os.wait()[1])
child = [sys.executable, "-c", "import sys, os; print(sys.argv, sorted(os.environ))"]
print(subprocess.run(child, capture_output=True).stdout)
print(os.system("exit 4"), len(tempfile.mkdtemp(dir=".")), uuid.uuid4().version)
print(random.random() == random.Random(0).random())
"""

EXEC = """
import json, os, sys
print(sys.argv, sys.flags.optimize, flush=True)
if "again" not in sys.argv:
    os.execv(sys.executable, [sys.executable, *getattr(sys, "orig_argv", sys.argv)[1:], "again"])
"""

SIGNALS = """
import signal, sys, threading
def on(number, frame):
    print("got", signal.Signals(number).name, frame.f_code.co_name, flush=True)
    if number == signal.SIGTERM:
        sys.exit(7)
for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM):
    signal.signal(number, on)
print("ready", flush=True)
while True:
    signal.pause()
"""

WARNED = """
import warnings, json
def old():
    warnings.warn("old", DeprecationWarning, stacklevel=2)
    warnings.warn("resource", ResourceWarning)
    warnings.warn("user")
old()
open(__file__)
"""

INPUT = """
import json
print(repr(input("name? ")))
try:
    input()
except EOFError as error:
    print("eof", error)
input()
"""


FLASK = """
import sys
from flask import Flask
app = Flask(__name__)
@app.get("/")
def index():
    return f"{__name__} {sys.argv[1:]} {app.root_path}"
if __name__ == "__main__":
    app.run(port=int(sys.argv[1]), debug="debug" in sys.argv)
"""

UVICORN = """
import sys
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": __name__.encode()})
if __name__ == "__main__":
    import uvicorn
    uvicorn.run("app:app", port=int(sys.argv[1]))
"""

DJANGO = """
import os, sys
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
SECRET_KEY = "x"
DEBUG = True
ROOT_URLCONF = "manage"
urlpatterns = [path("", lambda request: HttpResponse(f"{__name__} {sys.argv[2:]}"))]
if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "manage")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""

NUMPY = """
import sys, numpy, numpy.random
print(numpy.arange(4).sum(), numpy.random.random() == numpy.random.RandomState(0).random())
print(float(numpy.linalg.det(numpy.eye(3))), numpy.__file__ == sys.modules["numpy"].__file__)
"""


def free_port() -> int:
    """Returns a port that nobody has."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def ended_by(*numbers: int, ready: str = "ready") -> Callable[[Running], str]:
    """Sends signals one after the other, each once the one before was seen."""

    def drive(running: Running) -> str:
        running.wait_for(ready)
        for number in numbers:
            running.send(number)
            if number != numbers[-1]:
                running.wait_for(f"got {signal.Signals(number).name}")
        return ""

    return drive


def asked(port: int) -> Callable[[Running], str]:
    """Asks a server once, and has it stopped."""

    def drive(running: Running) -> str:
        answer = running.get(port)
        running.send(signal.SIGTERM)
        return answer

    return drive


def server(words: str, file: str, text: str) -> Program:
    """Returns a server that gets its port as a word; it writes times and pids."""
    port = free_port()
    said = tuple(word.replace("PORT", str(port)) for word in words.split())
    return Program(said, {file: text}, drive=asked(port), numbers=False)


SERVERS = {
    "flask": ("app.py PORT", "app.py", FLASK),
    "flask with its reloader": ("app.py PORT debug", "app.py", FLASK),
    "uvicorn as a module": ("-m uvicorn app:app --port PORT", "app.py", UVICORN),
    "gunicorn": ("-m gunicorn -w 1 -b 127.0.0.1:PORT app:app", "app.py", FLASK),
    "django with its reloader": ("manage.py runserver PORT", "manage.py", DJANGO),
    "django": ("manage.py runserver PORT --noreload", "manage.py", DJANGO),
}
"""Those that need what the dev group installs."""


def script(
    text: str,
    *words: str,
    stdin: str = "",
    env: Mapping[str, str] | None = None,
    umask: int = 0o022,
    drive: Callable[[Running], str] | None = None,
) -> Program:
    """Returns a program of one file, and a helper beside it."""
    files = {"app.py": text, "helper.py": "import decimal\nclass Failure(Exception): pass\n"}
    options = tuple(word for word in words if word.startswith("-"))
    rest = tuple(word for word in words if not word.startswith("-"))
    said = (*options, "app.py", *rest)
    return Program(said, files, stdin=stdin, env=env or {}, umask=umask, drive=drive)


PROGRAMS = {
    "what is seen": script(
        SEEN, "one", "two words", stdin="given\n", env={"A": "1", "PYTHONPATH": "lib"}, umask=0o027
    ),
    "what is seen with options": script(
        SEEN, "-O", "-Werror::UserWarning", "-Xutf8", "-u", "-B", "-s", env={"PYTHONPATH": ""}
    ),
    "a module": Program(("-m", "pack", "-x"), {"pack/__init__.py": "", "pack/__main__.py": SEEN}),
    "a module of a package": Program(
        ("-m", "pack.part"), {"pack/__init__.py": "import json", "pack/part.py": SEEN}
    ),
    "a directory": Program(
        ("site",), {"site/__main__.py": "import json, there; print(__name__, __spec__)", "site/there.py": ""}
    ),
    "an end": script(ENDING),
    "pickling with fork": script(PICKLED, "fork"),
    "pickling with spawn": script(PICKLED, "spawn"),
    "pickling with forkserver": script(PICKLED, "forkserver"),
    "a chained traceback": script(CHAINED),
    "a syntax error": script("import json\nif True print('x')\n"),
    "a syntax error in a module": Program(
        ("app.py",), {"app.py": "import json\nimport bad\n", "bad.py": "x = (\n"}
    ),
    "a missing script": Program(("nothing.py",), {}),
    "a missing module": Program(("-m", "nothing.at.all"), {}),
    "exit with words": script("import sys, json\nsys.exit('words')"),
    "exit with a number": script("import sys, json\nprint('x', end='')\nsys.exit(300)"),
    "exit in a thread": script(
        "import sys, threading as it\nt = it.Thread(target=sys.exit, args=(3,))\nt.start(), t.join()"
    ),
    "an error in a thread": script(
        "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='t')\nt.start()\nt.join()"
    ),
    "_exit": script("import os, json\nprint('lost', end='')\nos._exit(5)"),
    "killed by itself": script(
        "import os, signal, json\nprint('out', flush=True)\nos.kill(os.getpid(), signal.SIGUSR1)"
    ),
    "a fault": script(
        "import ctypes, resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\nctypes.string_at(0)"
    ),
    "an interrupt": script(
        "import time, json\nprint('ready', flush=True)\ntime.sleep(1000)", drive=ended_by(signal.SIGINT)
    ),
    "a broken pipe": script(
        "import os, json\nread, write = os.pipe()\nos.close(read)\nos.write(write, b'x')"
    ),
    "signals": script(SIGNALS, drive=ended_by(signal.SIGHUP, signal.SIGUSR1, signal.SIGTERM)),
    "asyncio": script(ASYNC, drive=ended_by(signal.SIGTERM)),
    "left behind": script(LEFT),
    "fork": script(FORKED),
    "exec of itself": script(EXEC, "-O"),
    "warnings": script(WARNED, "-Wdefault"),
    "warnings as errors": script(WARNED, "-Werror"),
    "numpy": script(NUMPY),
    "input at its end": script(INPUT, stdin="somebody\n"),
}
"""By name; they need nothing but the standard library."""

NATIVE = ("what is seen", "a chained traceback")
"""Those that are run by every Python of the machine: they see what differs among versions."""
