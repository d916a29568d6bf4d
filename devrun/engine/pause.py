"""The program of a network sandbox: it waits for ever. Written here as bytes, since a few are enough.

An ELF header, one program header and the code: no library, no build, nothing to pull. As process 1 it has no
handler for any signal, and so is ended by SIGKILL alone, which its image says.
"""

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Mapping

REPOSITORY = "devrun/pause"
LABEL = "dev.devrun.pause"
"""By it people find the image: no project's labels are on it, because all of them share it."""
BASE_ADDRESS = 0x400000
PAGE_BYTES = 0x10000
"""The largest page of any kernel that runs these programs."""
EPOCH = "1970-01-01T00:00:00Z"
"""Whoever makes it: the same bytes are the same image."""
NOBODY = "65534:65534"

_X86_64 = bytes.fromhex(
    "b822000000"  # mov eax, 34: pause
    "0f05"  # syscall
    "ebf7"  # jmp to the beginning
)
_AARCH64 = struct.pack(
    "<7I",
    0xD2800000,  # mov x0, #0: no files
    0xD2800001,  # mov x1, #0
    0xD2800002,  # mov x2, #0: no time-out
    0xD2800003,  # mov x3, #0
    0xD2800928,  # mov x8, #73: ppoll, since there is no pause here
    0xD4000001,  # svc #0
    0x17FFFFFA,  # b to the beginning
)
_MACHINES: Mapping[str, tuple[int, bytes]] = {"amd64": (62, _X86_64), "arm64": (183, _AARCH64)}
"""By the engine's name of an architecture: ELF's number of the machine, and its code."""


def has_program(architecture: str) -> bool:
    """Tell whether there is a program for an architecture, as the engine calls it."""
    return architecture in _MACHINES


def program(architecture: str) -> bytes:
    """Return the program as an ELF file of one segment that is read and executed."""
    machine, code = _MACHINES[architecture]
    head = 64 + 56
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)  # 64 bits, little-endian
    elf = struct.pack(
        "<16sHHIQQQIHHHHHH", identity, 2, machine, 1, BASE_ADDRESS + head, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    size = head + len(code)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE_ADDRESS, BASE_ADDRESS, size, size, PAGE_BYTES)
    return elf + segment + code


def reference(architecture: str) -> str:
    """Return the image's name; its tag is the hash of all that it is made of."""
    return f"{REPOSITORY}:{_digest(_config(architecture))[:12]}"


def archive(architecture: str) -> bytes:
    """Return the image as the engine loads it."""
    config = _config(architecture)
    name = f"{_digest(config)}.json"
    manifest = [{"Config": name, "RepoTags": [reference(architecture)], "Layers": ["layer.tar"]}]
    files = {name: config, "layer.tar": _layer(architecture), "manifest.json": json.dumps(manifest).encode()}
    return _tar(files, 0o644)


def _config(architecture: str) -> bytes:
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": EPOCH,
        "config": {
            "Entrypoint": ["/pause"],
            "User": NOBODY,
            "StopSignal": "SIGKILL",
            "Labels": {LABEL: "network sandbox"},
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{_digest(_layer(architecture))}"]},
        "history": [{"created": EPOCH, "created_by": "devrun"}],
    }
    return json.dumps(config).encode()


def _layer(architecture: str) -> bytes:
    return _tar({"pause": program(architecture)}, 0o755)


def _tar(files: Mapping[str, bytes], mode: int) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
