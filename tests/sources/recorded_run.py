"""A real run of a program, and the files of a folder that it loaded: what `sys.modules` says."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 200

RECORD = """
import atexit, json, os, runpy, sys

def tell():
    files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
    with open(os.environ["LOADED"], "w") as record:
        json.dump(sorted(files), record)

atexit.register(tell)
kind, name, *arguments = sys.argv[1:]
sys.argv = [name, *arguments]
if kind == "script":
    sys.path[0] = os.path.dirname(os.path.abspath(name))
    runpy.run_path(name, run_name="__main__")
else:
    sys.path[0] = os.getcwd()
    runpy.run_module(name, run_name="__main__", alter_sys=True)
"""
"""Runs a script or a module as Python itself does."""


@dataclass(frozen=True)
class Run:
    """What was loaded, and what the program said of errors."""

    loaded: frozenset[str]
    said: str


def recorded(root: Path, run: tuple[str, ...], env: Mapping[str, str], record: Path) -> Run:
    """Return which files below a folder a run loads; `run` is `script` or `module`, and what follows."""
    ended = subprocess.run(
        [sys.executable, "-S", "-B", "-c", RECORD, *run],
        cwd=root,
        env={**os.environ, **env, "LOADED": str(record)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    files = {os.path.realpath(file) for file in json.loads(record.read_text()) if file}
    return Run(frozenset(file for file in files if file.startswith(f"{root}{os.sep}")), ended.stderr)
