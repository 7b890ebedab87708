"""``nurture demo``: the whole main job in a minute, offline."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from nurture.cli.options import Json
from nurture.cli.output import on_terminal, print_json, say

if TYPE_CHECKING:
    from nurture.reports.accounts import Accounts
    from nurture.service.demo import Moment
    from nurture.service.house import House


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(demo)


def demo(
    days: Annotated[int, typer.Option(help="How many days to play.", min=1, max=90)] = 30,
    *,
    serve: Annotated[
        bool | None,
        typer.Option("--serve/--no-serve", help="Serve the inbox at the end.", show_default="on a terminal"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Play a month of the sample clinic: import, plan, send into the sandbox, read the answers, balance the accounts.

    Everything happens in a temporary folder that is gone at the end; no mail leaves this machine.
    Exit code 0 only if the accounts balance. With `--json` the results are one object, and nothing is served.
    """
    from nurture.service.demo import demo_house

    if serve is None:
        serve = on_terminal() and os.environ.get("CI", "").lower() not in ("1", "true")
    with demo_house() as clinic:
        found = _play_silently(clinic, days) if as_json else _play(clinic, days)
        if serve and not as_json:
            from nurture.cli.sandbox import serve as serve_inbox

            _heading("The inbox")
            serve_inbox(clinic.maildir, note="Open it in your browser. Press Ctrl-C to end the demo.")
    if not found.balanced:
        raise typer.Exit(1)


def _play(clinic: House, days: int) -> Accounts:
    from nurture.cli.log import print_deliveries
    from nurture.cli.review import print_accounts
    from nurture.reports.log import LogQuery, log_page
    from nurture.service.counting import count_accounts
    from nurture.vocabulary import DeliveryState

    zone = clinic.workspace.settings.zone
    _heading(f"The sample clinic: {clinic.workspace.settings.clinic.name}")
    _import(clinic)
    _heading(f"The plan for {days} days")
    _plan(clinic, zone, days)
    _heading("The days go by")
    _drive(clinic, zone, days)
    _heading("The delivery log")
    print_deliveries(log_page(clinic.store, LogQuery(), limit=8).deliveries, zone)
    skipped = LogQuery(states=(DeliveryState.SKIPPED,))
    say("... and some who were left out:")
    print_deliveries(log_page(clinic.store, skipped, limit=6).deliveries, zone)
    _heading("What came back")
    _came_back(clinic, zone)
    _heading("The accounts")
    found = count_accounts(clinic)
    print_accounts(found)
    return found


def _play_silently(clinic: House, days: int) -> Accounts:

    from nurture.delivery.event_loop import run_async
    from nurture.planning.forecast import forecast
    from nurture.reports.log import LogQuery, log_page
    from nurture.service.counting import count_accounts
    from nurture.service.demo import drive, import_sample
    from nurture.service.running.jobs import feeds

    async def play() -> list[Moment]:
        return [moment async for moment in drive(clinic, days=days)]

    imports = dict(import_sample(clinic))
    feeds(clinic)
    plan = forecast(clinic.store, clinic.workspace, now=clinic.clock.now(), days=days)
    moments = run_async(play())
    found = count_accounts(clinic)
    print_json(
        {
            "clinic": clinic.workspace.settings.clinic.name,
            "imports": imports,
            "plan": plan,
            "moments": moments,
            "log": log_page(clinic.store, LogQuery(), limit=1000),
            "balanced": found.balanced,
            "accounts": found,
        }
    )
    return found


def _heading(text: str) -> None:
    say()
    say(text, style="bold")


def _import(clinic: House) -> None:
    from nurture.service.demo import import_sample

    for name, result in import_sample(clinic):
        say(f"imports/{name}.yaml: {result.new} new contacts, {result.changed} changed")


def _plan(clinic: House, zone: ZoneInfo, days: int) -> None:
    from nurture.cli.sending import print_forecast
    from nurture.planning.forecast import forecast
    from nurture.service.running.jobs import feeds

    feeds(clinic)
    print_forecast(forecast(clinic.store, clinic.workspace, now=clinic.clock.now(), days=days), zone, days=days)


def _drive(clinic: House, zone: ZoneInfo, days: int) -> None:
    from contextlib import nullcontext
    from datetime import timedelta

    from rich.progress import BarColumn, Progress, TextColumn

    from nurture.cli.output import console
    from nurture.delivery.event_loop import run_async
    from nurture.service.demo import drive

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[sent]} mails"))
    progress = Progress(*columns, console=console(), transient=True) if on_terminal() else None
    start = clinic.clock.now()

    async def play() -> int:
        sent = 0
        task = progress.add_task("", total=days, sent=0) if progress else None
        async for moment in drive(clinic, days=days):
            sent += moment.delivered.sent
            for row in moment.planned.planned:
                note = row.reason.replace("_", " ") if row.reason else f"{row.planned} people"
                say(f"{moment.at.astimezone(zone):%a %Y-%m-%d %H:%M}  {row.public_id}: {note}")
            for kind, count in moment.came_back.items():
                say(f"{moment.at.astimezone(zone):%a %Y-%m-%d %H:%M}  mailbox: {count} {kind}")
            if progress and task is not None:
                passed = (moment.at - start) / timedelta(days=1)
                progress.update(task, completed=passed, sent=sent, description=f"{moment.at.astimezone(zone):%b %d}")
        return sent

    with progress or nullcontext():
        sent = run_async(play())
    say(f"{days} days: {sent} mails delivered into the sandbox.")


def _came_back(clinic: House, zone: ZoneInfo) -> None:
    from nurture.cli.mailbox import print_mails
    from nurture.cli.replies import print_replies
    from nurture.reports.replies import clock_of, latest_replies
    from nurture.store import inbound, suppressions

    with clinic.store.read() as connection:
        mails = inbound.latest(connection, mode=clinic.mode())
        silenced = list(suppressions.list_suppressions(connection))
    print_mails(mails, zone)
    say("Nobody writes to these any more:")
    for row in silenced:
        say(f"  {row.shown}: {row.reason.replace('_', ' ')}")
    clock = clock_of(clinic.workspace.settings)
    print_replies(latest_replies(clinic.store, clock, clinic.clock.now(), limit=10), zone, everything=True)
