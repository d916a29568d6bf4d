"""Docker's compose plugin, for comparison: the one that is installed, or Debian's, unpacked into a folder.

The machine's own docker is left as it is. None of devrun needs it.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SUITE = "trixie"
"""Of a suite that has it; it needs nothing but its libc."""
PACKAGE = "docker-compose"
PLUGIN = Path("usr/libexec/docker/cli-plugins/docker-compose")
MIRROR = "http://deb.debian.org/debian"
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FETCH = """
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


def compose_command() -> list[str] | None:
    """Returns what begins a command line of compose; None where there is none and none can be had."""
    docker = shutil.which("docker")
    if docker and not subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        return [docker, "compose"]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    plugin = cache / f"devrun-machine/compose-{SUITE}" / PLUGIN.name
    if not plugin.is_file() and not _fetch(plugin):
        return None
    return [str(plugin)]


def _fetch(plugin: Path) -> bool:
    """Unpacks the plugin from its package, by lists of packages that are thrown away again."""
    if os.name != "posix" or not KEYS.is_file() or not shutil.which("apt-get"):
        return False
    plugin.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=plugin.parent) as name:
        work = Path(name)
        for part in ("lists/partial", "cache/archives/partial", "unpacked"):
            (work / part).mkdir(parents=True)
        (work / "sources.list").write_text(f"deb [signed-by={KEYS}] {MIRROR} {SUITE} main\n")
        done = subprocess.run(["sh", "-ec", FETCH, "sh", name, PACKAGE], capture_output=True)
        if done.returncode or not (work / "unpacked" / PLUGIN).is_file():
            return False
        (work / "unpacked" / PLUGIN).replace(plugin)
    return True
