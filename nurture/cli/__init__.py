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
        _tell(str(error))
        sys.exit(error.exit_code)
    except OSError as error:
        if error.strerror is None:
            raise
        # a full disk, a folder in the place of a file, a right that is missing: the operator's to mend, wherever met
        _tell(f"{error.filename}: {error.strerror}" if error.filename else error.strerror)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _tell(words: str) -> None:
    from nurture.cli.output import visible

    words = visible(words)
    print(words if "\n" in words else f"nurture: {words}", file=sys.stderr)  # noqa: T201
