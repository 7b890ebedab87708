"""``nurture replies``: who wrote back, what, and how long they wait for an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from nurture.reports.replies import AnsweringReport, AnsweringTimes, WaitingReply

app = typer.Typer(invoke_without_command=True, help="What people wrote back, and how long they wait for an answer.")

_WORDS = 80  # characters of somebody's words in the list; `replies show` has all of them
_WORD = 20  # ... and of one word, which a table cannot break
Number = Annotated[int, typer.Argument(metavar="ID", help="The number in the first column of the list.")]


@app.callback(epilog="Examples: nurture replies; nurture replies --all --limit 200; nurture replies --report")
def replies(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are answered or done.")] = False,
    limit: Annotated[int, typer.Option(help="With --all: at most so many.", min=1, max=100_000)] = 50,
    report: Annotated[
        bool, typer.Option("--report", help="How soon answers came in the last twelve months, instead of the list.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show who waits for an answer, those that wait too long first; exit code 1 if there are such.

    The time counts the clinic's working hours (`clinic.hours`), without holidays. An answer that is sent
    from the clinic's own mail program ends it by itself.
    """
    if context.invoked_subcommand is not None:
        return
    from nurture.reports.replies import answering_report, clock_of, latest_replies, waiting_replies
    from nurture.vocabulary import ReplyStanding

    with house() as clinic:
        settings, now = clinic.workspace.settings, clinic.clock.now()
        if report:
            _print_report(answering_report(clinic.store, settings, now), as_json=as_json)
            return
        clock = clock_of(settings)
        if everything:
            found = latest_replies(clinic.store, clock, now, limit=limit)
        else:
            found = waiting_replies(clinic.store, clock, now)
    overdue = sum(each.standing is ReplyStanding.OVERDUE for each in found)
    if as_json:
        print_json({"limit": clock.limit, "overdue": overdue, "replies": found})
    else:
        print_replies(found, settings.zone, everything=everything)
    if overdue and not everything:
        raise typer.Exit(1)


def print_replies(found: tuple[WaitingReply, ...], zone: ZoneInfo, *, everything: bool) -> None:
    """The table of replies; ``everything``: also those that ended or wait for later."""
    from nurture.vocabulary import ReplyStanding

    snoozed = [each for each in found if each.standing is ReplyStanding.SNOOZED]
    shown = [each for each in found if everything or each.standing is not ReplyStanding.SNOOZED]
    if shown:
        columns = [">id", "time", "who", "about", "newest words", ">waits", "standing", "topic", "whose"]
        rows = [
            (
                each.reply.id,
                f"{each.reply.received_at.astimezone(zone):%b %d %H:%M}",
                _who(each),
                each.reply.campaign,
                _newest_words(each),
                _waits(each),
                each.standing.replace("_", " "),
                each.reply.topic.replace("_", " "),
                each.reply.assigned_to,
            )
            for each in shown
        ]
        table(columns, rows)
        say("Your answer from your mail program ends the waiting. More: nurture replies show ID, done ID, snooze ID")
    else:
        say("Nobody wrote back yet." if everything else "Nobody waits for an answer.", style="green")
    if snoozed and not everything:
        until = min(each.reply.snoozed_until for each in snoozed if each.reply.snoozed_until)
        word = "reply comes" if len(snoozed) == 1 else "replies come"
        say(f"{len(snoozed)} snoozed {word} back, the first on {until.astimezone(zone):%a %b %d at %H:%M}.")


def _waits(each: WaitingReply) -> str | None:
    from nurture.reports.words import working_time_in_words
    from nurture.vocabulary import ReplyStanding

    return None if each.standing is ReplyStanding.NO_ANSWER_NEEDED else working_time_in_words(each.waited)


def _who(each: WaitingReply) -> str:
    row = each.reply
    name = row.person or row.sender or "(erased)"
    return f"{name}, {row.organization}" if row.organization else name


def _newest_words(each: WaitingReply) -> str:
    words = (each.reply.words or each.reply.subject or "")[: 10 * _WORDS].split()
    line = " ".join(_cut(word, _WORD) for word in words)
    return _cut(line, _WORDS)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _print_report(report: AnsweringReport, *, as_json: bool) -> None:
    from nurture.reports.words import working_time_in_words

    if as_json:
        print_json(report)
        return
    if not report.months:
        say("Nobody wrote back in the last twelve months.")
        return

    def cells(times: AnsweringTimes) -> tuple[object, ...]:
        share = None if times.in_time is None else f"{times.in_time:.0%}"
        within = (
            None if each is None else working_time_in_words(each) for each in (times.median, times.ninety_percent)
        )
        return times.name, times.replies, times.answered, *within, share

    for title, rows in (("month", report.months), ("campaign", report.campaigns)):
        columns = [title, ">replies", ">answered", ">half within", ">90 % within", ">in time"]
        table(columns, [cells(times) for times in rows])
    say(
        f"Times are the clinic's working hours; in time is an answer within {working_time_in_words(report.limit)}, "
        "and who still waits longer counts as not. Thanks alone and wishes to leave are left out."
    )


@app.command(epilog="Example: nurture replies show 17")
def show(number: Number, *, as_json: Json = False) -> None:
    """Show a thread: our mail, what the person wrote, what the clinic answered."""
    from nurture.reports.replies import reply_thread
    from nurture.service.threads import our_mail

    with house() as clinic:
        thread = reply_thread(clinic.store, number)
        mail = our_mail(clinic, thread.reply)
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json({"mail": mail, "thread": thread})
        return
    if mail is not None:
        _heading(f"{mail.sent_at.astimezone(zone):%Y-%m-%d %H:%M}  our mail, {thread.reply.edition}: {mail.subject}")
        say(mail.text if mail.text is not None else "(cannot be shown: the contact was erased)")
    parts = [(row.received_at, f"{row.sender or '(erased)'}: {row.subject or ''}", row.words) for row in thread.replies]
    parts += [(row.sent_at, f"our answer, {row.sender or '(erased)'}", row.words) for row in thread.answers]
    for at, who, words in sorted(parts, key=lambda part: part[0]):
        _heading(f"{at.astimezone(zone):%Y-%m-%d %H:%M}  {who}")
        say("(deleted)" if words is None else words or "(no words)")
    row = thread.reply
    if row.answered_at is None and row.done_at is not None:
        _heading(f"{row.done_at.astimezone(zone):%Y-%m-%d %H:%M}  done, said {row.done_by}")


def _heading(text: str) -> None:
    say()
    say(text, style="bold")


@app.command(epilog="Example: nurture replies done 17 18")
def done(
    numbers: Annotated[list[int], typer.Argument(metavar="ID", help="Numbers as in the list.")],
    *,
    as_json: Json = False,
) -> None:
    """Say that replies need no answer any more: you called, or nothing is to be said."""
    import getpass

    from nurture.service.threads import end_reply

    with house() as clinic:
        ended = [number for number in numbers if end_reply(clinic, number, by=getpass.getuser())]
    if as_json:
        print_json({"done": ended})
        return
    for number in numbers:
        say(f"Reply {number} is done." if number in ended else f"Reply {number} was answered or done already.")


@app.command(epilog="Examples: nurture replies snooze 17 '2 days'; nurture replies snooze 17 2026-12-01T09:30")
def snooze(
    number: Number,
    until: Annotated[str, typer.Argument(help="A time (2026-12-01, 2026-12-01T09:30) or in how long: '2 days'.")],
    *,
    as_json: Json = False,
) -> None:
    """Leave a reply out of the list until then. Its time counts on: the person waits."""
    from nurture.cli.times import parse_later
    from nurture.service.threads import snooze_reply

    with house() as clinic:
        zone = clinic.workspace.settings.zone
        at = parse_later(until, now=clinic.clock.now(), zone=zone)
        snooze_reply(clinic, number, until=at)
    if as_json:
        print_json({"reply": number, "snoozed_until": at})
    else:
        say(f"Reply {number} comes back on {at.astimezone(zone):%a %b %d %Y at %H:%M}.")


@app.command(epilog="Example: nurture replies assign 17 sam")
def assign(
    number: Number,
    staff: Annotated[str, typer.Argument(help="A person's key under `staff` in nurture.yaml.")],
    *,
    as_json: Json = False,
) -> None:
    """Give a reply to somebody of the staff."""
    from nurture.service.threads import assign_reply

    with house() as clinic:
        person = assign_reply(clinic, number, staff)
    if as_json:
        print_json({"reply": number, "assigned_to": staff})
    else:
        say(f"Reply {number} is {person.name}'s.")
