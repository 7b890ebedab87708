"""Brakes and their ends: ``pause``, ``resume``, ``hold``, ``approve``, ``cancel``, ``retry``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import counted, print_json, say

if TYPE_CHECKING:
    from nurture.service.house import House
    from nurture.store import Connection
    from nurture.store.editions import EditionRow

Campaign = Annotated[str | None, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")]
All = Annotated[bool, typer.Option("--all", help="All campaigns.")]
Edition = Annotated[str, typer.Argument(metavar="EDITION", help="For example partner-news@2026-12-01T09:30.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Examples: nurture pause partner-news; nurture pause --all")(pause)
    app.command(epilog="Example: nurture resume partner-news")(resume)
    app.command(epilog="Example: nurture hold partner-news@2026-12-01T09:30")(hold)
    app.command(epilog="Example: nurture approve partner-news@2026-12-01T09:30")(approve)
    app.command(epilog="Example: nurture cancel partner-news@2026-12-01T09:30")(cancel)
    app.command(
        epilog="Examples: nurture retry partner-news@2026-12-01T09:30 --failed; "
        "nurture retry partner-news@2026-12-01T09:30 --held"
    )(retry)


def pause(campaign: Campaign = None, *, everything: All = False, as_json: Json = False) -> None:
    """Stop a campaign (or all) before its next mail; nothing new is planned meanwhile."""
    import getpass

    from nurture.delivery import control

    with house() as clinic:
        name = _name(clinic, campaign, everything=everything)
        changed = control.pause(clinic.store, name, by=getpass.getuser(), now=clinic.clock.now())
    what = "everything" if everything else name
    if as_json:
        print_json({"paused": what, "changed": changed})
    else:
        say(f"Paused {what}; it bites before the next mail." if changed else f"{what} was paused already.")


def resume(campaign: Campaign = None, *, everything: All = False, as_json: Json = False) -> None:
    """End a pause, or say yes to a campaign that asks.

    `--all` ends the pause of all, not those of single campaigns, and lets stopped senders try again at once.
    """
    from nurture.delivery import control

    with house() as clinic:
        name = _name(clinic, campaign, everything=everything)
        done = control.resume(clinic.store, name, now=clinic.clock.now())
    what = "everything" if everything else name
    if as_json:
        print_json({"resumed": what, "changed": done.changed, "still_paused": done.still_paused})
        return
    say(f"{what} goes on." if done.changed else f"{what} was not paused.")
    if done.still_paused:
        say("But all campaigns are paused together: nurture resume --all", style="yellow")


def hold(edition: Edition, *, as_json: Json = False) -> None:
    """Stop one edition before its next mail, or before it is made, until `nurture approve`; its mails still expire."""
    import getpass

    from nurture.service.edition_notices import approving
    from nurture.store.editions import EditionId

    with house() as clinic:
        done = approving.hold(clinic, EditionId.parse(edition), by=getpass.getuser())
    if as_json:
        print_json({"edition": str(done.edition), "held": done.changed})
    elif not done.changed:
        say(f"{done.edition} is held already.")
    else:
        say(f"Held {done.edition}: nothing {'more ' if done.made else ''}of it leaves.")


def approve(
    edition: Edition,
    *,
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="Also if it was changed after the notice that you got.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let an edition go: one that waits for approval, before it is made or after, or that was held.

    What is changed afterwards, before it is made, needs another approval.
    """
    import getpass

    from nurture.service.edition_notices import approving
    from nurture.store.editions import EditionId

    with house() as clinic:
        done = approving.approve(clinic, EditionId.parse(edition), by=getpass.getuser(), as_it_is=as_it_is)
    if as_json:
        print_json({"edition": str(done.edition), "approved": done.changed})
    elif not done.changed:
        say(f"{done.edition} was not held." if done.made else f"{done.edition} does not wait for an approval.")
    else:
        say(f"{done.edition} goes on." if done.made else f"{done.edition} goes at its time, as it is now.")


def cancel(edition: Edition, *, yes: Yes = False, as_json: Json = False) -> None:
    """End an edition: what is out is out, what waits is canceled."""
    from nurture.delivery import control
    from nurture.service.edition_notices.approving import refuse_coming
    from nurture.store.editions import EditionId

    with house() as clinic:
        refuse_coming(clinic, EditionId.parse(edition))
        with clinic.store.read() as connection:
            found = _edition(connection, edition)
        confirm(f"Cancel all mail of {found.public_id} that still waits?", yes=yes)
        count = control.cancel_edition(clinic.store, found.id, now=clinic.clock.now())
    if as_json:
        print_json({"edition": str(found.public_id), "canceled": count})
    else:
        say(f"Canceled {counted(count, 'mail')} of {found.public_id}.")


def retry(
    edition: Edition,
    *,
    failed: Annotated[bool, typer.Option("--failed", help="The refused ones.")] = False,
    held: Annotated[
        bool, typer.Option("--held", help="Those held by `nurture db confirm-restored`; they may have been sent.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Queue refused or held mail of an edition again; mail that we know as sent is never sent twice."""
    from nurture.delivery import control
    from nurture.errors import InputError

    if failed == held:
        raise InputError("say what to retry: nurture retry EDITION --failed, or --held, not both")
    with house() as clinic:
        with clinic.store.read() as connection:
            found = _edition(connection, edition)
        confirm(f"Queue the {'held' if held else 'failed'} mail of {found.public_id} again?", yes=yes)
        release = control.release_held if held else control.retry_failed
        count = release(clinic.store, found.id, now=clinic.clock.now())
    if as_json:
        print_json({"edition": str(found.public_id), "queued": count})
    else:
        say(f"Queued {count} deliveries of {found.public_id} again.")


def _name(clinic: House, campaign: str | None, *, everything: bool) -> str:
    from nurture.errors import InputError
    from nurture.store.campaigns import ALL

    if everything == (campaign is not None):
        raise InputError("name one campaign, or say --all")
    if campaign is None:
        return ALL
    clinic.workspace.campaign(campaign)
    return campaign


def _edition(connection: Connection, text: str) -> EditionRow:
    from nurture.reports.log import edition_id
    from nurture.store import editions, meta
    from nurture.store.editions import EditionId

    name = EditionId.parse(text)
    return editions.get(connection, edition_id(connection, str(name), mode=meta.get_mode(connection)))
