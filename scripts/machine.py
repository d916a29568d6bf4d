#!/usr/bin/env python3
"""Makes a machine ready for devrun's tests, its demo and its benchmarks: environment, engine, base image.

`machine.py prepare` makes the checkout's `.venv`, finds a container engine (or, as root on Debian and
Ubuntu, installs and starts Docker), finds a Python base image (or makes one), and prints what the caller
has to export. What is there already is found quickly, so the script runs before every test run.

Only the standard library is used and the engine is asked through its HTTP API, so that neither an
environment nor a `docker` client has to be there. It knows nothing of devrun itself.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote, urlencode, urlsplit

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "devrun-stamp"
OLDEST_PYTHON = (3, 10)

EXIT_ERROR = 1
EXIT_NO_ENGINE = 4

DEFAULT_HOST = "unix:///var/run/docker.sock"
DOCKERD_PID_FILE = Path("/var/run/docker.pid")
CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")
DOCKERD_LOG = Path("/var/log/devrun-dockerd.log")
LOCK_FILE = Path("/run/devrun-machine.lock")

# Root's PATH may lack the sbin folders, where dockerd and the iptables it calls live on Debian.
SYSTEM_PATH = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"

# A healthy engine answers in milliseconds; a context may point to a machine that is switched off.
PING_TIMEOUT_S = 3.0
API_TIMEOUT_S = 120.0
# A first start initialises the storage driver and the firewall, about 2 s on a small machine.
DOCKERD_START_TIMEOUT_S = 60.0
# Without a network a pull is refused at once or hangs; with one, the first line comes within seconds.
PULL_SILENCE_TIMEOUT_S = 15.0
PULL_TIMEOUT_S = 240.0
LOG_TAIL_LINES = 20

PYTHON_IMAGES = ("python:3.13-slim", "python:3.12-slim", "python:3.11-slim")
STAND_IN_REPOSITORY = "devrun-stand-in/python"
STAND_IN_TAG = "3"
STAND_IN_IMAGE = f"{STAND_IN_REPOSITORY}:{STAND_IN_TAG}"
STAND_IN_LABEL = "dev.devrun.stand-in"
STAND_IN_SUITE = "bookworm"
STAND_IN_PACKAGES = ("python3", "python3-pip", "python3-venv", "ca-certificates")
# Files that no container of a test reads.
STAND_IN_LEFT_OUT = (
    "/usr/share/doc/*",
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/lintian/*",
)
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
# Of a suite after the one that runs, which has no buildx; they need nothing but its libc.
PLUGIN_SUITE = "trixie"
PLUGINS = {
    name: Path(f"usr/libexec/docker/cli-plugins/docker-{name}")  # The package is called as the file is.
    for name in ("buildx", "compose")
}
WATCHDOG = "watchdog>=6"
DEBIAN_MIRROR = "http://deb.debian.org/debian"
DEBIAN_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FETCH_PACKAGE = """
cd "$1"
apt() {
  apt-get -q -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts=/dev/null \\
    -o Dir::State::Lists="$PWD/lists" -o Dir::Cache="$PWD/cache" \\
    -o Acquire::Languages=none -o APT::Sandbox::User=root "$@"
}
apt update
apt download "$2"
dpkg-deb -x "$2"_*.deb unpacked
"""
STAND_IN_CONFIG = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    # Lets pip trust what the machine trusts, a re-signing proxy for instance.
    f"ENV PIP_CERT={CA_BUNDLE}",
    # Debian's Python refuses to install packages system-wide without it; the official image does not.
    "ENV PIP_BREAK_SYSTEM_PACKAGES=1",
    'CMD ["python3"]',
)


class MachineError(Exception):
    """Says what the machine lacks (`problem`) and what its user can do about it (`hint`)."""

    def __init__(self, problem: str, hint: str, *, exit_code: int = EXIT_ERROR) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.exit_code = exit_code


def main() -> int:
    """Runs the command line and returns its exit code: 0, 1 (error) or 4 (no engine)."""
    arguments = parse_arguments()
    try:
        refuse_old_python()
        exports = prepare(engine=not arguments.no_engine, benchmarks=arguments.benchmarks)
    except MachineError as missing:
        return report(missing)
    for name, value in exports.items():
        print(f"export {name}={quoted(value)}")
    return 0


def report(missing: MachineError) -> int:
    """Says in two lines what is missing and what to do; returns the exit code."""
    say(missing.problem)
    say(f"  -> {missing.hint}")
    return missing.exit_code


def parse_arguments() -> argparse.Namespace:
    """Returns the parsed command line."""
    parser = argparse.ArgumentParser(
        description="Makes this machine ready for devrun's tests, demo, benchmarks."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("prepare", help="prepare, and print the variables to export")
    command.add_argument("--no-engine", action="store_true", help="prepare the Python environment only")
    command.add_argument(
        "--benchmarks", action="store_true", help="prepare what devrun is compared with, too"
    )
    return parser.parse_args()


def prepare(*, engine: bool, benchmarks: bool = False) -> dict[str, str]:
    """Makes everything ready and returns the environment variables that lead to it.

    The Python environment comes first, so that it is there even where the engine is not.
    """
    prepare_environment()
    if not engine:
        return {}
    with one_at_a_time(LOCK_FILE):
        host = find_engine() or set_up_engine()
        image = python_image(Engine(host))
        buildx = plugin_folder("buildx")
        compared = what_is_compared() if benchmarks else {}
    say(f"engine {host}, base image {image}")
    exports = {"DEVRUN_PYTHON_IMAGE": image, **compared}
    if buildx:
        exports["DEVRUN_TEST_BUILDX"] = str(buildx)
    if host != DEFAULT_HOST or "DOCKER_HOST" in os.environ:
        exports["DOCKER_HOST"] = host
    return exports


# The Python environment


def refuse_old_python() -> None:
    """Raises MachineError where the running Python is older than devrun allows."""
    if sys.version_info < OLDEST_PYTHON:
        raise MachineError(
            f"{sys.executable} is Python {python_version()}; devrun needs 3.10 or newer",
            "run it with a newer one: PYTHON=python3.13 scripts/test",
        )


def prepare_environment() -> None:
    """Makes `.venv` hold devrun (editable) and its `dev` group as pyproject.toml asks now.

    One of the same Python is kept and brought up to date, so that whoever runs from it is not disturbed.
    """
    project = ROOT / "pyproject.toml"
    if not project.is_file():
        raise MachineError(f"{project} is missing", "run this script from a checkout of devrun")
    with one_at_a_time(ROOT):
        # An environment cannot be moved, nor used by another Python.
        place = f"{VENV} {sys.version}".replace("\n", " ")
        content = hashlib.sha256(project.read_bytes()).hexdigest()
        stamp = STAMP.read_text().splitlines() if STAMP.is_file() else []
        if stamp == [place, content]:
            return
        make_environment(project, clear=stamp[:1] != [place])
        STAMP.write_text(f"{place}\n{content}\n")


def make_environment(project: Path, *, clear: bool) -> None:
    """Installs the project into `.venv`, made anew with the running Python if asked."""
    started = time.monotonic()
    say("preparing .venv")
    STAMP.unlink(missing_ok=True)
    if clear:
        ensure_venv_module()
        if VENV.is_symlink():
            VENV.unlink()  # What it leads to is another checkout's.
        run([sys.executable, "-m", "venv", "--clear", str(VENV)], "making .venv")
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run([*pip, "--upgrade", "pip"], "upgrading pip")
    run([*pip, "--editable", str(ROOT), "--group", f"{project}:dev"], "installing devrun")
    say(f"prepared .venv in {seconds_since(started)}")


def ensure_venv_module() -> None:
    """Installs python3-venv where Debian's own Python lacks it and we may."""
    try:
        import ensurepip  # noqa: F401  (Debian splits it off; `import venv` alone works without it)
    except ImportError:
        if not may_install():
            raise MachineError(
                f"{sys.executable} cannot make virtual environments (no ensurepip)",
                "install it: sudo apt-get install python3-venv",
            ) from None
        apt_install(f"python{python_version()}-venv")


def python_version() -> str:
    """Returns the running Python's version as in the names of Debian's packages, "3.11" for one."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


# The engine


def find_engine() -> str | None:
    """Returns the host of an engine that answers, or None; raises MachineError if the one asked for does not.

    The order is Docker's own: DOCKER_HOST, the current context, then the usual sockets.
    """
    chosen = os.environ.get("DOCKER_HOST")
    if chosen:
        cause = Engine(chosen).cause_of_silence()
        if cause:
            raise MachineError(
                f"no container engine: DOCKER_HOST={chosen}: {cause}",
                "start that engine, or unset DOCKER_HOST",
                exit_code=EXIT_NO_ENGINE,
            )
        return chosen
    hosts = [host for host in [context_host(), *usual_hosts()] if host]
    return next((host for host in hosts if not Engine(host).cause_of_silence()), None)


def context_host() -> str | None:
    """Returns the host of the docker client's current context, if one other than the default is chosen."""
    folder = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    name = os.environ.get("DOCKER_CONTEXT") or read_json(folder / "config.json").get("currentContext")
    if not isinstance(name, str) or name == "default":
        return None
    digest = hashlib.sha256(name.encode()).hexdigest()
    node: object = read_json(folder / "contexts" / "meta" / digest / "meta.json")
    for key in ("Endpoints", "docker", "Host"):
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, str) else None


def usual_hosts() -> list[str]:
    """Returns the sockets at which Docker, Colima, OrbStack, Rancher Desktop and Podman usually listen."""
    home = Path.home()
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    sockets = [
        runtime / "docker.sock",
        home / ".docker/run/docker.sock",
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".config/colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
        home / ".rd/docker.sock",
        runtime / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
        home / ".local/share/containers/podman/machine/podman.sock",
    ]
    return [DEFAULT_HOST, *(f"unix://{path}" for path in sockets)]


def set_up_engine() -> str:
    """Installs Docker where it is missing, starts it, and returns its host."""
    if not may_install():
        raise no_engine()
    if not dockerd():
        say("no container engine: installing docker.io")
        apt_install("docker.io", "iptables")
    start_dockerd()
    return DEFAULT_HOST


def no_engine() -> MachineError:
    """Returns the error for a machine without an engine, with the nearest remedy."""
    cause = Engine(DEFAULT_HOST).cause_of_silence()
    if cause == os.strerror(errno.EACCES):
        return MachineError(
            f"no container engine: {DEFAULT_HOST}: {cause}",
            "let your user use it: sudo usermod -aG docker $USER, then log in again",
            exit_code=EXIT_NO_ENGINE,
        )
    return MachineError(
        "no container engine answers at DOCKER_HOST, the docker context or the usual sockets",
        "start Docker (or Podman, Colima, ...), or run this as root on Debian or Ubuntu, which installs it",
        exit_code=EXIT_NO_ENGINE,
    )


def start_dockerd() -> None:
    """Starts dockerd in a session of its own and waits until it answers.

    One that runs already (systemd starts it after the installation) is only waited for.
    """
    process = None
    if not process_runs(DOCKERD_PID_FILE, "dockerd"):
        forget_dead_process(DOCKERD_PID_FILE, "dockerd")
        forget_dead_process(CONTAINERD_PID_FILE, "containerd")
        say(f"starting dockerd (log: {DOCKERD_LOG})")
        with DOCKERD_LOG.open("ab") as log:
            process = subprocess.Popen(
                [dockerd() or "dockerd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PATH": SYSTEM_PATH},
            )
    wait_for_dockerd(process)


def wait_for_dockerd(process: subprocess.Popen[bytes] | None) -> None:
    """Returns when the default socket answers; raises MachineError if dockerd ends or the time is over."""
    deadline = time.monotonic() + DOCKERD_START_TIMEOUT_S
    while Engine(DEFAULT_HOST).cause_of_silence():
        if process and process.poll() is not None:
            dockerd_failed(f"dockerd ended with {process.returncode}")
        if time.monotonic() > deadline:
            dockerd_failed(f"dockerd does not answer after {DOCKERD_START_TIMEOUT_S:.0f} s")
        time.sleep(0.1)


def dockerd_failed(problem: str) -> NoReturn:
    """Shows the end of dockerd's log and raises MachineError."""
    say(f"the end of {DOCKERD_LOG}:")
    say(tail(DOCKERD_LOG))
    raise MachineError(
        f"no container engine: {problem}",
        "dockerd needs a machine that allows it (a privileged container, for one); start an engine by hand",
        exit_code=EXIT_NO_ENGINE,
    )


def dockerd() -> str | None:
    """Returns the path of the installed dockerd, if there is one."""
    return shutil.which("dockerd", path=SYSTEM_PATH)


def process_runs(pid_file: Path, name: str) -> bool:
    """Tells whether the process that the file names lives and bears the name."""
    try:
        pid = int(pid_file.read_text())
        return Path(f"/proc/{pid}/comm").read_text().strip() == name
    except (OSError, ValueError):
        return False


def forget_dead_process(pid_file: Path, name: str) -> None:
    """Removes a pid file whose process is gone.

    dockerd only asks whether some process has that pid, so a reused one would keep it from starting.
    """
    if not process_runs(pid_file, name):
        pid_file.unlink(missing_ok=True)


# The base image


def python_image(engine: Engine) -> str:
    """Returns a Python base image that builds on this engine can start from.

    The order: the one asked for by DEVRUN_PYTHON_IMAGE, one that is present, a pulled one, a stand-in.
    """
    chosen = os.environ.get("DEVRUN_PYTHON_IMAGE")
    if chosen:
        return chosen
    for image in PYTHON_IMAGES:
        if engine.image_labels(image) is not None:
            return image
    recipe = stand_in_recipe()
    if (engine.image_labels(STAND_IN_IMAGE) or {}).get(STAND_IN_LABEL) == recipe:
        return STAND_IN_IMAGE
    if pull(engine, PYTHON_IMAGES[0]):
        return PYTHON_IMAGES[0]
    make_stand_in(engine, recipe)
    return STAND_IN_IMAGE


def pull(engine: Engine, image: str) -> bool:
    """Pulls the image; returns False, with the cause said, if it does not come within the limits."""
    say(f"pulling {image}")
    repository, _, tag = image.rpartition(":")
    try:
        engine.create_image({"fromImage": repository, "tag": tag}, timeout_s=PULL_SILENCE_TIMEOUT_S)
    except (OSError, EngineError) as error:
        say(f"no {image}: {error}")
        return False
    return True


def stand_in_recipe() -> str:
    """Returns a digest of all that the stand-in is made of: a new CA bundle makes a new image."""
    parts = [STAND_IN_SUITE, *STAND_IN_PACKAGES, *STAND_IN_LEFT_OUT, *STAND_IN_CONFIG]
    bundle = CA_BUNDLE.read_bytes() if CA_BUNDLE.is_file() else b""
    return hashlib.sha256("\n".join(parts).encode() + bundle).hexdigest()[:16]


def make_stand_in(engine: Engine, recipe: str) -> None:
    """Imports a minimal Debian with Python as the stand-in image; raises MachineError if it may not."""
    if not may_install():
        raise MachineError(
            f"no Python base image: {PYTHON_IMAGES[0]} is neither present nor to be had",
            "load one and name it: DEVRUN_PYTHON_IMAGE=registry.example/python:3.13-slim",
            exit_code=EXIT_NO_ENGINE,
        )
    if not shutil.which("mmdebstrap"):
        say("installing mmdebstrap")
        apt_install("mmdebstrap", "debian-archive-keyring")
    started = time.monotonic()
    say(f"making {STAND_IN_IMAGE} (about a minute)")
    with tempfile.TemporaryDirectory(prefix="devrun-stand-in-") as folder:
        archive = Path(folder) / "root.tar"
        run(mmdebstrap_command(archive), f"making {STAND_IN_IMAGE}")
        import_stand_in(engine, archive, recipe)
    say(f"made {STAND_IN_IMAGE} in {seconds_since(started)}")


def mmdebstrap_command(archive: Path) -> list[str]:
    """Returns the command that writes the stand-in's file tree as a tar archive."""
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(STAND_IN_PACKAGES)}"]
    command += [f"--dpkgopt=path-exclude={pattern}" for pattern in STAND_IN_LEFT_OUT]
    command += ['--customize-hook=ln -s python3 "$1/usr/bin/python"']
    if CA_BUNDLE.is_file():
        command += [f"--customize-hook=upload {CA_BUNDLE} {CA_BUNDLE}"]
    # dpkg's options would otherwise stay in the image and surprise whoever installs into it.
    command += ['--customize-hook=rm -f "$1"/etc/dpkg/dpkg.cfg.d/99mmdebstrap "$1"/var/log/*.log']
    return [*command, STAND_IN_SUITE, str(archive)]


def import_stand_in(engine: Engine, archive: Path, recipe: str) -> None:
    """Gives the archive to the engine as the stand-in image."""
    changes = [*STAND_IN_CONFIG, f"LABEL {STAND_IN_LABEL}={recipe}"]
    query: dict[str, str | list[str]] = {
        "fromSrc": "-",
        "repo": STAND_IN_REPOSITORY,
        "tag": STAND_IN_TAG,
        "changes": changes,
    }
    try:
        engine.create_image(query, body=archive)
    except (OSError, EngineError) as error:
        raise MachineError(f"{STAND_IN_IMAGE} was not imported: {error}", "see the engine's log") from error


# Plugins of the docker client


def plugin_folder(name: str) -> Path | None:
    """Returns a folder with a plugin of docker's client; None where it is installed, or not to be had.

    It is not installed: the machine's own docker is left as it is.
    """
    client = shutil.which("docker")
    if client and not subprocess.run([client, name, "version"], capture_output=True).returncode:
        return None
    folder = cache_folder() / f"{name}-{PLUGIN_SUITE}"
    if not (folder / PLUGINS[name].name).is_file():
        if not may_install():
            say(f"no docker {name}: what needs it is left out")
            return None
        fetch_plugin(PLUGINS[name], folder)
    return folder


def cache_folder() -> Path:
    """Returns where that lies which is made once and installed nowhere."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "devrun-machine"


def fetch_plugin(plugin: Path, folder: Path) -> None:
    """Unpacks the plugin from its Debian package, by lists of packages that are thrown away again."""
    started = time.monotonic()
    package = plugin.name
    say(f"fetching {package}")
    if not DEBIAN_KEYS.is_file():
        apt_install("debian-archive-keyring")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder.parent) as name:
        work = Path(name)
        for part in ("lists/partial", "cache/archives/partial", "unpacked"):
            (work / part).mkdir(parents=True)
        sources = work / "sources.list"
        sources.write_text(f"deb [signed-by={DEBIAN_KEYS}] {DEBIAN_MIRROR} {PLUGIN_SUITE} main\n")
        run(["sh", "-ec", FETCH_PACKAGE, "sh", str(work), package], f"fetching {package}")
        folder.mkdir(exist_ok=True)
        (work / "unpacked" / plugin).replace(folder / plugin.name)
    say(f"fetched {package} in {seconds_since(started)}")


# What devrun is compared with


def what_is_compared() -> dict[str, str]:
    """Returns the variables that lead benchmarks to what they run on this machine: compose and watchdog."""
    folder = cache_folder() / f"watchdog-{python_version()}"
    if not (folder / "watchdog").is_dir():
        pip = [str(VENV / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        run([*pip, "--target", str(folder), WATCHDOG], f"installing {WATCHDOG}")
    exports = {"DEVRUN_BENCH_WATCHDOG": str(folder)}
    compose = plugin_folder("compose")
    if compose:
        exports["DEVRUN_BENCH_COMPOSE"] = str(compose)
    return exports


# The engine's API


class EngineError(Exception):
    """An answer of the engine that says no, in its own words."""


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        """Connects to the socket at `path`."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Engine:
    """The few calls of the Docker Engine API that preparing needs."""

    def __init__(self, host: str) -> None:
        self.host = host

    def cause_of_silence(self) -> str:
        """Returns why the engine does not answer a ping, or an empty text where it does."""
        try:
            with self.connection(PING_TIMEOUT_S) as connection:
                connection.request("GET", "/_ping")
                status = connection.getresponse().status
        except (OSError, EngineError, http.client.HTTPException) as error:
            return getattr(error, "strerror", None) or str(error) or type(error).__name__
        return "" if status == http.HTTPStatus.OK else f"/_ping answers {status}"

    def image_labels(self, image: str) -> dict[str, str] | None:
        """Returns the labels of a present image, None where the engine has no such image."""
        with self.connection(API_TIMEOUT_S) as connection:
            connection.request("GET", f"/images/{quote(image)}/json")
            response = connection.getresponse()
            if response.status != http.HTTPStatus.OK:
                return None
            labels = json.load(response)["Config"].get("Labels")
        return dict(labels or {})

    def remove_image(self, image: str) -> None:
        """Removes an image that nothing uses; one that is in use, or gone, is left alone."""
        with self.connection(API_TIMEOUT_S) as connection:
            connection.request("DELETE", f"/images/{quote(image)}")
            connection.getresponse().read()

    def create_image(
        self,
        query: Mapping[str, str | list[str]],
        *,
        body: Path | None = None,
        timeout_s: float = API_TIMEOUT_S,
    ) -> None:
        """Pulls or imports an image; raises EngineError with the engine's words.

        `timeout_s` is the longest silence; the whole takes PULL_TIMEOUT_S at most.
        """
        deadline = time.monotonic() + PULL_TIMEOUT_S
        path = f"/images/create?{urlencode(query, doseq=True)}"
        with self.connection(timeout_s) as connection, contextlib.ExitStack() as opened:
            if body:
                content = opened.enter_context(body.open("rb"))
                headers = {"Content-Type": "application/x-tar", "Content-Length": str(body.stat().st_size)}
                connection.request("POST", path, content, headers)
            else:
                connection.request("POST", path)
            response = connection.getresponse()
            for line in response:
                message = json.loads(line)
                error = message.get("error") or (response.status >= 400 and message.get("message"))
                if error:
                    raise EngineError(error)
                if time.monotonic() > deadline:
                    raise EngineError(f"not there after {PULL_TIMEOUT_S:.0f} s")

    @contextlib.contextmanager
    def connection(self, timeout_s: float) -> Iterator[http.client.HTTPConnection]:
        """Yields a connection to the engine, closed at the end."""
        connection = self.open_connection(timeout_s)
        try:
            yield connection
        finally:
            connection.close()

    def open_connection(self, timeout_s: float) -> http.client.HTTPConnection:
        """Returns an unopened connection; raises EngineError for a kind of host it cannot ask."""
        url = urlsplit(self.host)
        if url.scheme == "unix":
            return UnixConnection(url.path, timeout_s)
        if url.scheme in ("tcp", "http") and url.hostname and not os.environ.get("DOCKER_TLS_VERIFY"):
            return http.client.HTTPConnection(url.hostname, url.port or 2375, timeout=timeout_s)
        raise EngineError("only unix:// and plain tcp:// engines can be used here")


# The machine


def may_install() -> bool:
    """Tells whether we are root on Debian or Ubuntu."""
    return os.geteuid() == 0 and bool(shutil.which("apt-get"))


def apt_install(*packages: str) -> None:
    """Installs Debian packages without what they only recommend."""
    # Another apt may be at work, for instance a new machine's own updates.
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120"]
    environment = {"DEBIAN_FRONTEND": "noninteractive", "PATH": SYSTEM_PATH}
    run([*apt, "update"], "apt-get update", environment)
    run([*apt, "install", "-y", "--no-install-recommends", *packages], "apt-get install", environment)


def run(command: list[str], what: str, environment: Mapping[str, str] | None = None) -> None:
    """Runs a command quietly; raises MachineError, after the end of its output, if it fails."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, **(environment or {})},
    )
    if done.returncode:
        say("\n".join(done.stdout.splitlines()[-LOG_TAIL_LINES:]))
        raise MachineError(f"{what}: {command[0]} ended with {done.returncode}", "see its output above")


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Holds a lock on a file or folder, so that two runs at once do not make the same thing.

    A user who may not write to the lock file goes on without it: only root installs anything.
    """
    try:
        flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
        descriptor = os.open(path, flags, 0o644)
    except OSError:
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, object]:
    """Returns the object in a JSON file, an empty one where it is missing or broken."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def tail(path: Path) -> str:
    """Returns the last lines of a text file."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
    except OSError as error:
        return str(error)


def quoted(value: str) -> str:
    """Returns the value as one word of a shell command."""
    return "'" + value.replace("'", "'\\''") + "'"


def seconds_since(started: float) -> str:
    """Returns the time since `started` (of the monotonic clock), for a message."""
    return f"{time.monotonic() - started:.0f} s"


def say(text: str) -> None:
    """Tells the user something; standard output is the caller's."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
