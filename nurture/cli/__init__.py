"""The command line: parse, call one use case, print.

``main`` is the entry point. Modules here stay light: what a command needs is
imported when it runs, so that ``nurture --help`` starts at once.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit: 0 done, 1 found problems, 2 cannot run."""
    from nurture.errors import NurtureError

    try:
        from nurture.cli.app import app

        app(prog_name="nurture")
    except NurtureError as error:
        print(f"nurture: {error}" if "\n" not in str(error) else str(error), file=sys.stderr)  # noqa: T201
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
