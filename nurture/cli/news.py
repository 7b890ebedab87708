"""``nurture news``: the inventory, who has seen what, what expires."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from nurture.news.inventory import InventoryRow

app = typer.Typer(invoke_without_command=True, help="News: the inventory, who has seen what, what expires.")


@app.callback(epilog="Examples: nurture news; nurture news fetch")
def news(context: typer.Context, *, as_json: Json = False) -> None:
    """List all news items: current ones first, pinned, then newest."""
    if context.invoked_subcommand is not None:
        return
    from nurture.news.inventory import inventory
    from nurture.store import meta

    with house() as clinic, clinic.store.read() as connection:
        zone = clinic.workspace.settings.zone
        today = clinic.workspace.settings.today(clinic.clock.now())
        found = inventory(connection, clinic.workspace, mode=meta.get_mode(connection), today=today)
    if as_json:
        print_json(found)
        return
    table(
        ["item", "title", "date", "expires", "audience", ">seen by", "note"],
        [
            (row.id, row.title, row.date, row.expires, ", ".join(row.audience), row.seen, _note(row))
            for row in found.rows
        ],
    )
    for feed in found.feeds:
        fetched = f"fetched {feed.fetched_at.astimezone(zone):%Y-%m-%d %H:%M}" if feed.fetched_at else "not fetched yet"
        say(f"feed {feed.name}: {feed.error or fetched}", style="red" if feed.error else None)
    if found.ends_soon:
        say(f"Ends soon: {', '.join(f'{row.title} ({row.expires})' for row in found.ends_soon)}", style="yellow")


def _note(row: InventoryRow) -> str:
    if row.expired:
        return "expired"
    if row.waiting:
        return "waits for its date"
    notes = ["pinned"] if row.pin else []
    if row.ends_soon:
        notes.append("ends soon")
    if row.unseen:
        notes.append("nobody has seen it")
    return ", ".join(notes)


@app.command()
def fetch(*, as_json: Json = False) -> None:
    """Fetch the feeds now; exit code 1 if one fails (its last good entries stay)."""
    from nurture.service.running.jobs import feeds

    with house() as clinic:
        report = feeds(clinic)
    if as_json:
        print_json(report)
    else:
        for result in report.results:
            if result.error:
                say(f"{result.name}: {result.error}", style="red")
            else:
                say(f"{result.name}: {'nothing new' if not result.new else f'{result.new} new'} of {result.entries}")
    if report.failed:
        raise typer.Exit(1)
