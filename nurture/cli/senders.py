"""``nurture senders``: the mail accounts as they hold."""

from __future__ import annotations

import typer

from nurture.cli.options import Json, workspace_folder
from nurture.cli.output import print_json, say, table


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(senders)


def senders(*, as_json: Json = False) -> None:
    """Show each sender's mail account: server, limits, who signs; and whether you, its preset or a default says so."""
    from nurture.service.mail_accounts import accounts

    found = accounts(workspace_folder())
    if as_json:
        print_json({"senders": found})
        return
    for account in found:
        say(f"{account.sender}: {account.address}", style="bold")
        about = f"preset {account.preset}" if account.preset else None
        rows = [(each.name, each.words, about if each.source == "preset" else each.source) for each in account.values]
        table(["setting", "value", "from"], rows)
