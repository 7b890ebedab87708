"""``nurture campaigns``: what runs, when it comes next, whether it is paused."""

from __future__ import annotations

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, table

app = typer.Typer(invoke_without_command=True, help="Campaigns: what runs, and when it comes next.")


@app.callback()
def campaigns(context: typer.Context, *, as_json: Json = False) -> None:
    """List the campaigns with their schedules, next dates and pauses."""
    if context.invoked_subcommand is not None:
        return
    from nurture.planning.occurrences import next_occurrences
    from nurture.store.campaigns import is_paused

    with house() as clinic, clinic.store.read() as connection:
        zone = clinic.workspace.settings.zone
        now = clinic.clock.now()
        rows = []
        for name, campaign in sorted(clinic.workspace.campaigns.items()):
            coming = next_occurrences(campaign.schedule, zone=zone, after=now, count=1) if campaign.schedule else ()
            rows.append(
                {
                    "campaign": name,
                    "kind": campaign.kind,
                    "topic": campaign.topic,
                    "intent": campaign.intent,
                    "schedule": campaign.schedule.in_words if campaign.schedule else "by hand: nurture send",
                    "next": coming[0].at.astimezone(zone) if coming else None,
                    "paused": is_paused(connection, name),
                }
            )
    if as_json:
        print_json(rows)
    else:
        table(list(rows[0]) if rows else ["campaign"], [tuple(row.values()) for row in rows])
