"""People review what happened: ``status``, ``accounts``, ``rates``, ``why``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import counted, print_json, say, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nurture.reports.accounts import Accounts
    from nurture.reports.rates import EditionRates
    from nurture.reports.status import Status
    from nurture.reports.why import Why


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(status)
    app.command(epilog="Example: nurture accounts --edition partner-news@2026-12-01T09:30")(accounts)
    app.command(epilog="Example: nurture rates --campaign partner-news")(rates)
    app.command(epilog="Example: nurture why dr.lee@valley-ortho.example partner-news")(why)


def status(*, as_json: Json = False) -> None:
    """Show whether the loop lives, what comes next, and what needs a person; exit code 1 on trouble."""
    from nurture.reports.status import status as look

    with house(tell_alerts=False) as clinic:
        found = look(clinic.store, clinic.workspace, now=clinic.clock.now())
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json({"trouble": found.trouble, "status": found})
    else:
        _print_status(found, zone)
    if found.trouble:
        raise typer.Exit(1)


def _print_status(found: Status, zone: ZoneInfo) -> None:
    from nurture.cli.times import ago

    if found.copy:
        say(f"! {found.copy}", style="red")
    say(f"mode: {found.mode}", style="bold")
    for loop in found.loops:
        say(f"loop: process {loop.process} on {loop.host}, last seen {ago(loop.seen_at, found.now)}", style="green")
    for member in found.members:
        seen = ago(member.seen_at, found.now)
        say(f"worker: process {member.process} on {member.host}, last seen {seen}", style="green")
    held = f" ({found.held} held: nurture log --state held)" if found.held else ""
    say(f"{found.waiting} deliveries wait{held}, {found.uncertain} are uncertain")
    for name, since in found.paused.items():
        say(f"paused: {'all campaigns' if name == '*' else name} since {since.astimezone(zone):%Y-%m-%d %H:%M}")
    for slow in found.slowed:
        waiting = f"{slow.waiting} wait" if slow.waiting != 1 else "1 waits"
        say(f"{slow.subject}: {slow.words}; {waiting}", style="yellow")
    if found.jobs:
        say()
        table(
            ["job", "last run", "result"],
            [(job.job, ago(job.ended_at or job.started_at, found.now), job.error or "done") for job in found.jobs],
        )
    if found.under_way:
        table(
            ["under way", "state", "due"],
            [
                (
                    str(row.public_id),
                    f"held: {row.held_because}" if row.held_at else row.state,
                    row.due_at.astimezone(zone),
                )
                for row in found.under_way
            ],
        )
    if found.next_editions:
        table(
            ["next edition", "time", "note"],
            [(row.edition, f"{row.at.astimezone(zone):%a %Y-%m-%d %H:%M}", row.words) for row in found.next_editions],
        )
    for trouble in found.troubles[bool(found.copy) :]:
        say(f"! {trouble}", style="red")
    if not found.troubles:
        say("No trouble.", style="green")


def accounts(
    edition: Annotated[str | None, typer.Option(help="Only this edition.")] = None, *, as_json: Json = False
) -> None:
    """Count every mail anew; exit code 1 if a single one is missing.

    planned = sent + failed + skipped + canceled + expired + uncertain + waiting. In the sandbox the
    mails in its inbox are counted too.
    """
    from nurture.service.counting import count_accounts

    with house() as clinic:
        found = count_accounts(clinic, edition=edition)
    if as_json:
        print_json({"balanced": found.balanced, "accounts": found})
    else:
        print_accounts(found)
    if not found.balanced:
        raise typer.Exit(1)


# planned = the sum of the rest; columns in which every edition has a nought are left out
_NUMBERS = ("planned", "sent", "failed", "skipped", "canceled", "expired", "uncertain", "waiting")
_ALWAYS = ("planned", "sent", "failed", "skipped")


def print_accounts(found: Accounts) -> None:
    """The table of accounts, and in words what does not balance."""
    numbers = [name for name in _NUMBERS if name in _ALWAYS or any(getattr(row, name) for row in found.editions)]
    rows = [
        (
            row.edition,
            "held" if row.held else row.state,
            *(getattr(row, name) for name in numbers),
            "yes" if row.balanced else "NO",
        )
        for row in found.editions
    ]
    if found.editions:
        totals = (sum(getattr(row, name) or 0 for row in found.editions) for name in numbers)
        rows.append(("all", "", *totals, "yes" if found.balanced else "NO"))
    table(["edition", "state", *(f">{name}" for name in numbers), "balanced"], rows)
    for row in found.editions:
        for problem in row.problems:
            say(f"{row.edition}: {problem}", style="red")
    for problem in found.problems:
        say(problem, style="red")
    if found.mails is not None:
        say(f"Counted one by one in the sandbox: {counted(found.mails, 'mail')}.")
    say("The accounts balance." if found.balanced else "The accounts do NOT balance.", style="bold")


def rates(
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    edition: Annotated[str | None, typer.Option(help="Only this edition: partner-news@2026-12-01T09:30.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many editions, the latest first.", min=1, max=1000)] = 20,
    *,
    as_json: Json = False,
) -> None:
    """Show how many read, followed a link, answered: from what is sure to what is possible.

    Programs open mails too; `nurture log show` says of each visit who it was and why we think so. Past patients are
    counted together, if at all. An answer counts more than a click, a click more than an open.
    """
    from nurture.reports.rates import edition_rates

    with house() as clinic:
        found = edition_rates(clinic.store, campaign=campaign, edition=edition, limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        say("No edition was planned yet.")
    else:
        print_rates(found)


def print_rates(found: Sequence[EditionRates]) -> None:
    """The table of rates, and in words what the numbers are of."""
    shared = any(row.shared for row in found)
    columns = ["edition", ">sent", ">replied", ">clicked", ">opened", ">of", *([">patients' opens"] if shared else [])]
    rows = []
    for row in found:
        counted = (row.clicked.words, row.opened.words, row.tracked) if row.tracked else ("-", "-", "-")
        rest = (f"{row.shared_opens} of {row.shared}" if row.shared else "-",) if shared else ()
        rows.append((row.edition, row.sent, row.replied, *counted, *rest))
    table(columns, rows)
    say("“of”: so many mails tell when they are read. A range ends with what may have been a person or a program.")
    if shared:
        say("Patients' opens: different networks and programs, by a pixel that all of them share; readers may be more.")


def why(
    address: Annotated[str, typer.Argument(help="The person's mail address.")],
    campaign: Annotated[str, typer.Argument(help="The campaign's name.")],
    *,
    as_json: Json = False,
) -> None:
    """Tell rule by rule, from the log, why somebody got a campaign's mail or did not."""
    from nurture.reports.why import why as ask

    with house() as clinic:
        found = ask(clinic.store, clinic.workspace, address, campaign, now=clinic.clock.now())
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json(found)
    else:
        _print_why(found, zone)


def _print_why(found: Why, zone: ZoneInfo) -> None:
    say(found.answer, style="bold")
    for person in found.people:
        if len(found.people) > 1:
            say(f"\n{person.name}", style="bold")
        for edition in person.editions:
            say(f"\n{edition.edition}, due {edition.due_at.astimezone(zone):%a %Y-%m-%d %H:%M}", style="bold")
            say(f"  {edition.words}")
            for attempt in edition.attempts:
                say(f"  try {attempt.number}, {attempt.started_at.astimezone(zone):%Y-%m-%d %H:%M:%S}: {attempt.said}")
            for words in edition.afterwards:
                say(f"  {words}")
            if edition.delivery_id is not None:
                say(f"  more: nurture log show {edition.delivery_id}", style="dim")
        say("\nThe rules now", style="bold")
        for check in person.checks:
            _print_rule(check.name + ": " + check.words, holds=check.holds, depth=0)
            if check.name == "rule":
                for part in person.rule:
                    _print_rule(part.words, holds=part.holds, depth=part.depth + 1)
    if found.next_edition:
        words = f" ({found.next_words})" if found.next_words else ""
        say(f"\nNext edition: {found.next_edition.astimezone(zone):%a %Y-%m-%d %H:%M}{words}")


def _print_rule(words: str, *, holds: bool, depth: int) -> None:
    mark, style = ("yes", "green") if holds else ("no ", "yellow")
    say(f"  {'     ' * depth}{mark}  {words}", style=style)
