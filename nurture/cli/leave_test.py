"""``nurture leave-test``: do the ways out of our mails work?"""

from __future__ import annotations

from typing import Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("leave-test", epilog="Example: nurture leave-test --arrived hello@clinic.example")(leave_test)


def leave_test(
    *,
    arrived: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="A mail with the subject STOP arrived in this mailbox.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Test the way out of our mails, as readers use it; nobody is unsubscribed.

    With `public_url`: a POST to the page, which `nurture run` must serve meanwhile. Without it, readers answer STOP:
    send such a mail to the mailbox yourself, look whether it arrives, and say so with `--arrived`. The clinic can only
    go live when its way out was seen to work. Exit code 1 if it does not work, or nobody has seen it.
    """
    from urllib.parse import urlsplit

    from nurture.service.leave_test import probe_page, stop_arrived, ways_out
    from nurture.workspace.public_url import LOOPBACK

    with house() as clinic:
        settings = clinic.workspace.settings
        problem = None
        if arrived is not None:
            stop_arrived(clinic, arrived)
        elif settings.public_url is not None:
            problem = probe_page(clinic)
        ways = ways_out(clinic)
    proven = problem is None and all(way.seen_at is not None for way in ways)
    if as_json:
        print_json({"ways_out": ways, "problem": problem, "proven": proven})
    elif problem is not None:
        say(problem, style="red")
    else:
        for way in ways:
            if way.seen_at is not None:
                say(f"{way.where}: seen to work on {way.seen_at.astimezone(settings.zone):%a %b %d %H:%M}")
                if urlsplit(way.where).hostname in LOOPBACK:
                    say("That is an address of this computer alone; readers cannot open it.", style="yellow")
            else:
                say(f"{way.where}: never seen to work", style="yellow")
                say(f"Send a mail with the subject STOP to {way.where}; when it arrives there:")
                say(f"  nurture leave-test --arrived {way.where}")
    if not proven:
        raise typer.Exit(1)
