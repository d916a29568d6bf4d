"""What an image is like: what it says of itself, and what a short look from inside shows of its Python.

The look is a container that lives for some 0.2 s, without network, once for each image and user; several
targets that start at once share it.
"""

import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path

from devrun.config.project import Project, TargetConfig
from devrun.config.words import leading_python
from devrun.core.values import ImageId
from devrun.engine import labels
from devrun.engine.connection import Connection, RefusedError
from devrun.engine.plan import BYTECODE_PREFIX, ImageFacts, Python, needs_python
from devrun.engine.probed import Probed

PROBE_TIMEOUT_S = 20
_PROBE = """
import json, os, sys
path, prefix = sys.argv[1:3]
try:
    below = [os.path.join(path, name) for name in os.listdir(path)]
except OSError:
    below = []
place = prefix if os.path.isdir(prefix) else os.path.dirname(prefix)
print(json.dumps({
    "executable": sys.executable,
    "version": "%d.%d.%d" % sys.version_info[:3],
    "cache_tag": sys.implementation.cache_tag or "",
    "uid": os.getuid(),
    "gid": os.getgid(),
    "can_write": os.access(place, os.W_OK | os.X_OK),
    "venvs": [it for it in below if os.path.isfile(os.path.join(it, "pyvenv.cfg"))],
}))
"""
_FLAGS = ("-I", "-S", "-B", "-c", _PROBE)
"""Nothing of the image's own is imported: its site-packages may be broken, or slow."""

Key = tuple[ImageId, str, str, str | None, tuple[tuple[str, ...], ...]]


class Probe:
    """Facts about images, each asked for once."""

    def __init__(self, connection: Connection, project: Project, kept: Path | None = None) -> None:
        """`kept` is the file that remembers, from run to run, what was seen."""
        self._connection = connection
        self._probed = Probed(kept)
        self._project = project
        self._lock = threading.Lock()
        self._locks: dict[Key, threading.Lock] = {}
        self._pythons: dict[Key, Python | None] = {}

    def facts(self, image: ImageId, target: TargetConfig) -> ImageFacts:
        """Return what is known of an image, seen as the target's user; raises EngineError if it is gone."""
        said = self._said(image)
        if not needs_python(target):
            return said
        path = (target.mount and target.mount.path) or said.workdir or "/"
        platform = target.surroundings.platform
        key = (image, target.user or said.user, path, platform, _interpreters(target, said))
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self._pythons:
                self._pythons[key] = self._look(key)
        return replace(said, python=self._pythons[key])

    def _said(self, image: ImageId) -> ImageFacts:
        with self._connection.asking("inspect image"):
            said = self._connection.calls.inspect_image(image)
        config = said.get("Config") or {}
        return ImageFacts(
            id=image,
            entrypoint=tuple(config.get("Entrypoint") or ()),
            command=tuple(config.get("Cmd") or ()),
            env=dict(entry.partition("=")[::2] for entry in config.get("Env") or ()),
            workdir=config.get("WorkingDir") or "",
            user=config.get("User") or "",
            stop_signal=config.get("StopSignal") or "",
        )

    def _look(self, key: Key) -> Python | None:
        """Return the first interpreter that answers, now or to an earlier run; None where none does."""
        asked = hashlib.sha256(repr((key, _PROBE)).encode("utf-8", "surrogateescape")).hexdigest()
        with self._lock:
            known = self._probed.find(asked)
        found = known or self._look_inside(key)
        if found is not None and known is None:
            with self._lock:
                self._probed.keep(asked, found)
        return found

    def _look_inside(self, key: Key) -> Python | None:
        image, user, path, platform, interpreters = key
        for interpreter in interpreters:
            output = self._run(image, user, platform, (*interpreter, *_FLAGS, path, BYTECODE_PREFIX))
            found = _read_answer(interpreter[-1], output)
            if found:
                return found
        return None

    def _run(self, image: ImageId, user: str, platform: str | None, argv: tuple[str, ...]) -> bytes:
        """Return what a container writes; nothing where its program cannot be started."""
        client = self._connection.client
        body = {
            "Image": image,
            "Entrypoint": argv[:1],
            "Cmd": argv[1:],
            "User": user,
            "WorkingDir": "/",
            "Labels": {**labels.project_labels(self._project), labels.ROLE: labels.ROLE_ONEOFF},
            "HostConfig": {"NetworkMode": "none"},
        }
        with self._connection.asking("look at the Python of the image"):
            made = self._connection.create(body, platform=platform)
        try:
            with self._connection.asking("look at the Python of the image"):
                client.start(made)
                client.wait(made, timeout=PROBE_TIMEOUT_S)
                return bytes(client.logs(made, stdout=True, stderr=False))
        except RefusedError:
            return b""
        finally:
            with self._connection.asking("remove the container that looked at the image"):
                client.remove_container(made, v=True, force=True)


def _interpreters(target: TargetConfig, said: ImageFacts) -> tuple[tuple[str, ...], ...]:
    """Return the interpreters to try, that which the command will use first."""
    named = leading_python(target.entrypoint or said.entrypoint) or leading_python(said.command)
    word = next((word for word in named if not word.startswith("-") and not word.endswith("/env")), "")
    tried = dict.fromkeys([word or "python", "python", "python3"])
    return tuple((name,) for name in tried)


def _read_answer(name: str, output: bytes) -> Python | None:
    try:
        said = json.loads(output)
        return Python(name=name, **{**said, "venvs": tuple(said["venvs"])})
    except (ValueError, TypeError, KeyError):
        return None
