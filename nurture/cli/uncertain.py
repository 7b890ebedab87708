"""``nurture uncertain``: mails that may or may not have arrived, and what shall become of them."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from nurture.reports.uncertain import UncertainMail
    from nurture.service.house import House
    from nurture.store.uncertain import Choice

app = typer.Typer(no_args_is_help=True, help="Mails that may or may not have arrived: see them, decide about them.")

Numbers = Annotated[list[int] | None, typer.Argument(metavar="NUMBER", help="Numbers as in the list.")]
Campaign = Annotated[str | None, typer.Option(help="All of this campaign that nobody has decided about.")]
Edition = Annotated[str | None, typer.Option(help="All of this edition: partner-news@2026-12-01T09:30.")]
All = Annotated[bool, typer.Option("--all", help="All that nobody has decided about.")]


class Finding(StrEnum):
    """What somebody found out."""

    SENT = "sent"
    FAILED = "failed"


@app.command("list")
def list_(
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    edition: Annotated[str | None, typer.Option(help="Only this edition: partner-news@2026-12-01T09:30.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the mails that a server had and gave no answer to; exit code 1 if one waits for a decision."""
    from nurture.reports.log import LogQuery
    from nurture.reports.uncertain import uncertain_mails

    with house() as clinic:
        mails = uncertain_mails(clinic.store, LogQuery(campaign, edition))
        zone = clinic.workspace.settings.zone
    waiting = [mail for mail in mails if mail.left_at is None]
    if as_json:
        print_json({"undecided": len(waiting), "mails": mails})
    elif not mails:
        say("No mail is uncertain.", style="green")
    else:
        rows = [(mail.number, mail.at.astimezone(zone), *_cells(mail)) for mail in mails]
        table([">id", "time", "edition", "address", "server", "what happened", "decision"], rows)
        if waiting:
            _say_what_can_be_done(waiting[0].number)
    if waiting:
        raise typer.Exit(1)


def _cells(mail: UncertainMail) -> tuple[str | None, ...]:
    again = f"; was sent again {mail.resends} times" if mail.resends > 1 else "; was sent again" if mail.resends else ""
    decision = "left as it is" if mail.left_at else "waits for you"
    return mail.edition, mail.address or "(erased)", mail.server, mail.words + again, decision


def _say_what_can_be_done(number: int) -> None:
    say("Look into the mail server's log for the Message-ID (`nurture log show` has it), or ask the person. Then:")
    for words, what in (
        (f"settle {number} --as sent", "it arrived"),
        (f"settle {number} --as failed", "it did not; `nurture retry` can send it again"),
        (f"resend {number}", "send it again: the person may get it twice"),
        (f"hold {number}", "leave it as it is and stop asking"),
    ):
        say(f"  nurture uncertain {words:<24} {what}")
    say("Instead of a number: --edition EDITION, --campaign NAME, --all.")


@app.command(epilog="Examples: nurture uncertain hold 17; nurture uncertain hold --all")
def hold(
    numbers: Numbers = None,
    campaign: Campaign = None,
    edition: Edition = None,
    *,
    everything: All = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Leave mails uncertain and stop asking about them; they stay in the list."""
    import getpass

    from nurture.delivery.uncertain import leave

    with house() as clinic:
        choice = _choose(clinic, numbers, campaign, edition, everything=everything)
        if choice.ids and not numbers:
            confirm(f"Leave {_mails(choice)} as they are?", yes=yes)
        count = leave(clinic.store, choice, by=getpass.getuser(), now=clinic.clock.now())
    if as_json:
        print_json({"left": count})
    else:
        say(f"Left {count} uncertain; nobody asks about them any more." if count else "There was none to decide about.")


@app.command(epilog="Examples: nurture uncertain resend 17; nurture uncertain resend --campaign partner-news")
def resend(
    numbers: Numbers = None,
    campaign: Campaign = None,
    edition: Edition = None,
    *,
    everything: All = False,
    late: Annotated[bool, typer.Option("--late", help="Also where the time of the edition is over.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Send mails again, with the same Message-ID and Date; who got the first copy may get a second one.

    They leave in their readers' windows, and only if consent and suppressions still allow it.
    Exit code 1 if some could not be queued.
    """
    import getpass

    from nurture.delivery.uncertain import resend as send_again

    with house() as clinic:
        choice = _choose(clinic, numbers, campaign, edition, everything=everything)
        if choice.ids:
            confirm(f"Send {_mails(choice)} again? Who got the first copy may get a second one.", yes=yes)
        done = send_again(clinic.store, choice, by=getpass.getuser(), late=late, now=clinic.clock.now())
    if as_json:
        print_json({"queued": done.queued, "kept": done.kept})
    else:
        say(f"Queued {done.queued} again." if choice.ids else "There was none to decide about.")
        for reason, count in done.kept.items():
            say(f"{count} not: {reason}.", style="yellow")
    if done.kept:
        raise typer.Exit(1)


@app.command(epilog="Examples: nurture uncertain settle 17 --as sent; nurture uncertain settle --all --as failed")
def settle(
    numbers: Numbers = None,
    campaign: Campaign = None,
    edition: Edition = None,
    *,
    finding: Annotated[Finding, typer.Option("--as", help="sent: they arrived. failed: they did not.")],
    everything: All = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Write down what you found out: that mails arrived, or that they did not."""
    import getpass

    from nurture.delivery.uncertain import settle as write_down

    arrived = finding is Finding.SENT
    with house() as clinic:
        choice = _choose(clinic, numbers, campaign, edition, everything=everything)
        if choice.ids and not numbers:
            confirm(f"Settle {_mails(choice)} as {finding}?", yes=yes)
        count = write_down(clinic.store, choice, arrived=arrived, by=getpass.getuser(), now=clinic.clock.now())
    if as_json:
        print_json({"settled": count, "as": finding})
    else:
        say(f"Settled {count} as {finding}." if count else "There was none to decide about.")
        if count and not arrived:
            say("`nurture retry EDITION --failed` sends refused mail of an edition again.")


def _choose(
    clinic: House, numbers: list[int] | None, campaign: str | None, edition: str | None, *, everything: bool
) -> Choice:
    from nurture.errors import InputError
    from nurture.reports.log import LogQuery
    from nurture.reports.uncertain import choose

    given = [bool(numbers), campaign is not None, edition is not None, everything]
    if sum(given) != 1:
        raise InputError(
            "say which mails, in one way: numbers of `nurture uncertain list`, or --edition, --campaign or --all"
        )
    return choose(clinic.store, LogQuery(campaign, edition), tuple(numbers or ()))


def _mails(choice: Choice) -> str:
    count = len(choice.ids or ())
    return "1 mail" if count == 1 else f"{count} mails"
