"""``nurture db``: the database's schema, health and backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from nurture.cli import backups
from nurture.cli.options import Json, Yes, confirm, house, workspace_folder
from nurture.cli.output import counted, print_json, say

if TYPE_CHECKING:
    from nurture.service.restoring import Restored

app = typer.Typer(no_args_is_help=True, help="The database: make, upgrade, check, back up, restore.")
backups.register(app)


def _url() -> tuple[str, Path]:
    from nurture.service.house import database_url
    from nurture.workspace.workspace import load_workspace

    root = workspace_folder()
    return database_url(load_workspace(root).settings, root), root


@app.command()
def upgrade(
    *,
    no_backup: Annotated[
        bool, typer.Option("--no-backup", help="Make no backup of an older database before it is changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the database, or bring its schema up to date; an older one is first backed up into data/backups/."""
    from nurture.clock import SystemClock
    from nurture.service.backups.upgrading import upgrade as upgrade_database

    done = upgrade_database(workspace_folder(), backup=not no_backup, now=SystemClock().now())
    if as_json:
        print_json(done)
        return
    if done.backup is not None:
        say(f"Backup: {done.backup}")
    say(f"{done.database} {f'was upgraded from {done.upgraded_from} and ' if done.upgraded_from else ''}is up to date.")


@app.command()
def check(*, as_json: Json = False) -> None:
    """Check that the database is whole; exit code 1 if it is not."""
    from nurture.store import open_store
    from nurture.store.maintenance import check as check_database

    url, root = _url()
    store = open_store(url, root=root)
    try:
        problems = check_database(store)
    finally:
        store.close()
    if as_json:
        print_json({"database": store.place, "problems": problems})
    else:
        for problem in problems:
            say(problem, style="red")
        if not problems:
            say(f"{store.place} is whole.")
    if problems:
        raise typer.Exit(1)


@app.command(
    epilog="Example: nurture db confirm-restored. "
    "Before it, see what `nurture status` says; docs/going-live.md tells what to do after it."
)
def confirm_restored(
    *,
    nothing_lost: Annotated[
        bool,
        typer.Option("--nothing-lost", help="Nothing was sent since this copy was made, e.g. moved to a new machine."),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Go on with a restored or moved database; every other copy of it is refused from then on.

    Mail that was due in the lost time may have been sent: it is held, and expires unless
    `nurture retry EDITION --held` lets it go. Editions of that time are not made again.
    """
    from nurture.delivery.guard import look
    from nurture.service.restoring import confirm_restored as confirm_copy

    with house() as clinic:
        zone = clinic.workspace.settings.zone
        finding = look(clinic.store)
        if finding is not None:
            if not as_json:
                say(f"Attention: {finding.seen(zone)}.", style="yellow")
            confirm("Is this the database to go on with, and no other copy of it in use?", yes=yes)
        done = confirm_copy(clinic, nothing_lost=nothing_lost) if finding else None
    if as_json:
        print_json({"confirmed": done is not None, "restored": done})
    elif done is None:
        say("Nothing speaks against this database; there is nothing to confirm.")
    else:
        _print_restored(done, zone)


def _print_restored(done: Restored, zone: ZoneInfo) -> None:
    say("Confirmed: mail leaves from this database again.", style="bold")
    if done.lost_until is None:
        return
    say(
        f"Lost: what happened from {done.lost_from.astimezone(zone):%a %b %d %H:%M} "
        f"to {done.lost_until.astimezone(zone):%a %b %d %H:%M}."
    )
    if done.held:
        say(f"Held: {counted(done.held, 'mail')} due in that time; what nobody lets go expires by itself.")
        say("  nurture log --state held")
        say("  nurture retry EDITION --held    # only if you know that they were not sent")
    for edition in done.not_made:
        say(f"{edition} was due in that time and is not made again; if it was not sent: nurture send CAMPAIGN")
    say("Enter again who left in that time (nurture contacts suppress), and who was imported or changed in it.")
