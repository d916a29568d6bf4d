"""`python -m devrun` and the console script."""

import sys

from devrun.cli import quick


def main() -> None:
    """Run the command line and leave with its exit code."""
    code = quick.answer(sys.argv[1:])
    if code is None:
        from devrun.cli.imports import uncollected

        with uncollected():
            from devrun.cli.main import cli

        code = cli()
    sys.exit(code)


if __name__ == "__main__":
    main()
