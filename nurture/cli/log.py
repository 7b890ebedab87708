"""``nurture log``: every delivery, what the servers said, and the mail as it was sent."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, print_json_line, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from nurture.reports.log import LogQuery
    from nurture.service.house import House
    from nurture.store.log import DeliveryHistory, DeliveryRow

app = typer.Typer(invoke_without_command=True, help="The delivery log: what happened to every single mail.")

_FOLLOW_SECONDS = 1.0
_ANSWER = 60  # of a server's words in the table; `log show` has all of them


@app.callback(
    epilog="Examples: nurture log --campaign partner-news --state failed; nurture log --since '2 hours' --follow; "
    "nurture log --csv log.csv"
)
def log(
    context: typer.Context,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    edition: Annotated[str | None, typer.Option(help="Only this edition: partner-news@2026-12-01T09:30.")] = None,
    contact: Annotated[str | None, typer.Option(help="Only mail to this address.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only these states; may be repeated.")] = None,
    since: Annotated[str | None, typer.Option(help="From this time: 2026-12-01, or how long ago: '3 days'.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this time.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many rows.", min=1, max=100_000)] = 50,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on printing what happens, until Ctrl-C.")] = False,
    csv: Annotated[
        Path | None, typer.Option(help="Write all matching rows to this CSV file (safe for spreadsheets).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the newest deliveries.

    With `--follow --json` each happening is one line of JSON.
    """
    if context.invoked_subcommand is not None:
        return
    from nurture.reports.log import log_page

    with house() as clinic:
        query = _query(clinic, campaign, edition, contact, state or [], since, until)
        if csv is not None:
            _write_csv(clinic, query, csv, as_json=as_json)
        elif follow:
            _follow(clinic, query, as_json=as_json)
        else:
            page = log_page(clinic.store, query, limit=limit)
            if as_json:
                print_json(page)
            else:
                print_deliveries(page.deliveries, clinic.workspace.settings.zone)
                if page.next is not None:
                    say(f"(the newest {limit}; --limit shows more)", style="dim")


def _query(
    clinic: House,
    campaign: str | None,
    edition: str | None,
    contact: str | None,
    states: list[str],
    since: str | None,
    until: str | None,
) -> LogQuery:
    from nurture.cli.times import parse_time
    from nurture.errors import InputError
    from nurture.reports.log import LogQuery
    from nurture.vocabulary import DeliveryState

    now, zone = clinic.clock.now(), clinic.workspace.settings.zone
    for name in states:
        if name not in set(DeliveryState):
            raise InputError(f"{name!r} is no state of a delivery; there are {', '.join(DeliveryState)}")
    return LogQuery(
        campaign=campaign,
        edition=edition,
        contact=contact,
        states=tuple(DeliveryState(name) for name in states),
        since=parse_time(since, now=now, zone=zone) if since else None,
        until=parse_time(until, now=now, zone=zone) if until else None,
    )


def print_deliveries(rows: Sequence[DeliveryRow], zone: ZoneInfo) -> None:
    """The table of the log; times in the clinic's zone."""
    table(
        [">id", "time", "edition", "address", "state", "reason or answer"],
        [
            (row.id, row.time.astimezone(zone), row.edition, row.address or "(erased)", row.state, _words(row))
            for row in rows
        ],
    )


def _words(row: DeliveryRow) -> str | None:
    if row.reason:
        return row.reason.replace("_", " ")
    last = row.last_attempt
    if last is None:
        return None
    return last.said if len(last.said) <= _ANSWER else f"{last.said[: _ANSWER - 1]}…"


def _follow(clinic: House, query: LogQuery, *, as_json: bool) -> None:
    from nurture.reports.log import Follower

    follower = Follower(clinic.store, query)
    zone = clinic.workspace.settings.zone
    try:
        while True:
            for happening in follower.news():
                event, row = happening.event, happening.delivery
                if as_json:
                    print_json_line(happening)
                else:
                    at = f"{event.at.astimezone(zone):%Y-%m-%d %H:%M:%S}"
                    say("  ".join((at, f"{event.kind:<10}", row.edition, row.address or "(erased)", _words(row) or "")))
            sys.stdout.flush()
            time.sleep(_FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return


def _write_csv(clinic: House, query: LogQuery, path: Path, *, as_json: bool) -> None:
    from nurture.cli.files import private_file
    from nurture.reports.log import write_log_sheet

    with private_file(path) as file:
        count = write_log_sheet(clinic.store, query, file)
    if as_json:
        print_json({"deliveries": count, "file": path})
    else:
        say(f"Wrote {count} {'row' if count == 1 else 'rows'} to {path}.")


@app.command(epilog="Example: nurture log show 17")
def show(
    delivery: Annotated[int, typer.Argument(help="The number in the first column of the log.")],
    *,
    source: Annotated[
        bool, typer.Option("--source", help="Also print the mail as it was sent, byte for byte.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show one delivery: every attempt with the server's words, every event, the mail as sent."""
    from nurture.reports.log import delivery_history
    from nurture.service.sent_mail import as_sent

    with house() as clinic:
        history = delivery_history(clinic.store, delivery)
        mail = as_sent(clinic, history)
        if as_json:
            print_json({"history": history, "mail": mail.raw.decode("ascii", "replace") if mail else None})
            return
        _print_history(history, clinic.workspace.settings.zone)
        if mail is None:
            say("The mail cannot be shown: it was not composed yet, or the contact was erased.", style="yellow")
        elif source:
            sys.stdout.write(mail.raw.decode("ascii", "replace").replace("\r\n", "\n"))
        else:
            say(f"Subject: {mail.subject}", style="bold")
            say(mail.text)


def _print_history(history: DeliveryHistory, zone: ZoneInfo) -> None:
    row = history.delivery
    say(f"{row.edition} to {row.address or '(erased)'}: {row.state}", style="bold")
    say(f"words for {row.variant}; Message-ID {row.message_id or 'none yet'}")
    say(f"news: {', '.join(history.news_ids) or 'none'}")
    first, last = row.not_before.astimezone(zone), row.not_after.astimezone(zone)
    say(f"may leave from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}")
    if row.reason:
        say(f"reason: {row.reason}")
    if history.attempts:
        table(
            [">try", "started", "server", "phase", "outcome", "answer"],
            [
                (
                    attempt.number,
                    f"{attempt.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                    attempt.server,
                    attempt.phase,
                    attempt.outcome,
                    attempt.said,
                )
                for attempt in history.attempts
            ],
        )
    table(
        ["time", "event", "more"],
        [
            (
                f"{event.at.astimezone(zone):%Y-%m-%d %H:%M:%S}",
                event.kind,
                ", ".join(f"{key}: {value}" for key, value in event.data.items()),
            )
            for event in history.events
        ],
    )
