"""``nurture loop-test``: do plus-addresses come back to us?"""

from __future__ import annotations

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("loop-test")(loop_test)


def loop_test(*, as_json: Json = False) -> None:
    """Test whether mail to a plus-address of each sender with `verp` comes into the mailbox; takes two minutes at most.

    Until that was seen bounces go to the plain address. Exit code 1 if one does not come.
    """
    from nurture.service import loop_test as testing

    with house() as clinic:
        found = testing.loop_test(clinic)
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json(found)
    else:
        for each in found:
            if each.seen_at is not None:
                say(f"{each.sender}: seen to arrive on {each.seen_at.astimezone(zone):%a %b %d %H:%M}", style="green")
            else:
                say(f"{each.sender}: a mail to a plus-address of {each.address} did not come; leave `verp` out")
    if any(each.seen_at is None for each in found):
        raise typer.Exit(1)
