"""`python -m devrun` and the console script."""

import sys

from devrun.cli.main import cli


def main() -> None:
    """Run the command line and leave with its exit code."""
    sys.exit(cli())


if __name__ == "__main__":
    main()
