"""The agent: a container's main process that starts its program anew without the container's help.

devrun mounts this directory into the container and runs it as `PYTHON -I -S -B DIRECTORY`, with whatever
Python from 3.8 on the image has. It uses the standard library alone, and little of that before the program
runs: each import would be waited for.
"""

from __future__ import annotations

import os
import sys

from arguments import read_arguments
from processes import adopt_orphans, be_init
from supervisor import Supervisor


def main() -> None:
    """Runs the program until the container is stopped, and ends with the program's exit code."""
    arguments = read_arguments(sys.argv[1:])
    if os.getpid() == 1:
        be_init()
    code = Supervisor(arguments, adopts=adopt_orphans()).run()
    # Nothing is left to be tidied, and a container that is stopped is waited for.
    os._exit(code)


if __name__ == "__main__":
    main()
