"""``nurture sandbox``: the built-in inbox that takes all mail until the clinic goes live."""

from __future__ import annotations

from pathlib import Path

import typer

from nurture.cli.options import workspace_folder
from nurture.cli.output import say

app = typer.Typer(invoke_without_command=True, help="The sandbox's inbox in the browser.")


@app.callback()
def sandbox(context: typer.Context) -> None:
    """Serve the sandbox's inbox until Ctrl-C; only this machine can open it."""
    if context.invoked_subcommand is None:
        serve(workspace_folder() / "data" / "sandbox" / "Maildir")


@app.command()
def path() -> None:
    """Print where the sandbox keeps its mail (a Maildir)."""
    say(str(workspace_folder() / "data" / "sandbox" / "Maildir"))


def serve(maildir: Path, *, note: str = "Press Ctrl-C to stop.") -> None:
    """Serve a Maildir's inbox page until Ctrl-C or SIGTERM."""
    import signal
    import threading

    from nurture.sandbox.inbox import serve_inbox

    server = serve_inbox(maildir)
    say(f"Inbox: {server.url}")
    say(note)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        stop.wait()
    finally:
        server.stop()
