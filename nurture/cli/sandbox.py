"""``nurture sandbox``: the built-in inbox that takes all mail until the clinic goes live."""

from __future__ import annotations

from pathlib import Path

import typer

from nurture.cli.options import Json, workspace_folder
from nurture.cli.output import print_json, print_json_line, say

app = typer.Typer(invoke_without_command=True, help="The sandbox's inbox in the browser.")


@app.callback()
def sandbox(context: typer.Context, *, as_json: Json = False) -> None:
    """Serve the sandbox's inbox until Ctrl-C; only this machine can open it.

    With `--json` its address is printed as one line of JSON.
    """
    if context.invoked_subcommand is None:
        serve(workspace_folder() / "data" / "sandbox" / "Maildir", as_json=as_json)


@app.command()
def path(*, as_json: Json = False) -> None:
    """Print where the sandbox keeps its mail (a Maildir)."""
    maildir = workspace_folder() / "data" / "sandbox" / "Maildir"
    if as_json:
        print_json({"maildir": maildir})
    else:
        say(str(maildir))


def serve(maildir: Path, *, note: str = "Press Ctrl-C to stop.", as_json: bool = False) -> None:
    """Serve a Maildir's inbox page until Ctrl-C or SIGTERM."""
    import signal
    import threading

    from nurture.sandbox.inbox import serve_inbox

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    server = serve_inbox(maildir)
    try:
        # who reads this may already ask us to stop
        if as_json:
            print_json_line({"inbox": server.url, "maildir": maildir})
        else:
            say(f"Inbox: {server.url}")
            say(note)
        stop.wait()
    finally:
        server.stop()
