"""``nurture alerts``: what needs a person, and that somebody has seen to it."""

from __future__ import annotations

from typing import Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say, table

app = typer.Typer(invoke_without_command=True, help="What needs a person: see it, close it.")


@app.callback(epilog="Example: nurture alerts")
def alerts(context: typer.Context, *, as_json: Json = False) -> None:
    """Show what needs a person; exit code 1 if something does.

    Most alerts end by themselves when their cause is mended.
    """
    if context.invoked_subcommand is not None:
        return
    from nurture.store.alerts import open_alerts

    with house(tell_alerts=False) as clinic:
        with clinic.store.read() as connection:
            found = open_alerts(connection)
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json({"alerts": found})
    elif not found:
        say("Nothing needs a person.", style="green")
    else:
        table(
            [">id", "time", "what", "about", "words"],
            [
                (alert.id, alert.raised_at.astimezone(zone), alert.kind.replace("_", " "), alert.subject, alert.message)
                for alert in found
            ],
        )
        say(f"Where nothing is left to do: nurture alerts done {found[0].id}", style="dim")
    if found:
        raise typer.Exit(1)


@app.command(epilog="Example: nurture alerts done 12")
def done(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As in the list.", min=1)], *, as_json: Json = False
) -> None:
    """Close one alert. If its cause lasts, it comes back."""
    from nurture.errors import NotFoundError
    from nurture.reports.alerts import headline
    from nurture.store import alerts as store_alerts

    with house(tell_alerts=False) as clinic, clinic.store.write() as connection:
        closed = store_alerts.done(connection, number, clinic.clock.now())
    if closed is None:
        raise NotFoundError(f"no alert {number} is open; see them with: nurture alerts")
    if as_json:
        print_json(closed)
    else:
        say(f"Closed: {headline(closed)}.")
