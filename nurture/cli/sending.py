"""What goes out: ``plan``, ``preview``, ``send``, ``run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import on_terminal, print_json, print_json_line, say, table, warn

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from nurture.delivery.share import Share
    from nurture.planning.forecast import ForecastEdition
    from nurture.service.mail_test import MailTest
    from nurture.service.sending import Sent

Campaign = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Examples: nurture plan --days 60; nurture plan --names")(plan)
    app.command(epilog="Example: nurture preview partner-news --as dr.lee@valley-ortho.example")(preview)
    app.command(
        epilog="Examples: nurture send evening-hours; nurture send evening-hours --test --to maya@riverbend.example"
    )(send)
    app.command(epilog="Stop it with Ctrl-C or SIGTERM: no new mail leaves, and answers are waited for.")(run)
    app.command("deliver-member", hidden=True)(deliver_member)


def plan(
    days: Annotated[int, typer.Option(help="How far to look ahead.", min=1, max=366)] = 30,
    *,
    names: Annotated[bool, typer.Option("--names", help="Also who gets each edition, and who does not.")] = False,
    as_json: Json = False,
) -> None:
    """Show what would be sent when, to whom, and who is left out and why. Changes nothing."""
    from nurture.planning.forecast import forecast

    with house() as clinic:
        editions = forecast(clinic.store, clinic.workspace, now=clinic.clock.now(), days=days)
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json(editions)
    else:
        print_forecast(editions, zone, days=days, names=names)


def print_forecast(editions: Sequence[ForecastEdition], zone: ZoneInfo, *, days: int, names: bool = False) -> None:
    """The table of coming editions; with ``names`` the people of each."""
    if not editions:
        say(f"Nothing is due in the next {days} days.")
        return
    table(
        ["time", "edition", ">mails", "left out", "note"],
        [
            (
                f"{edition.due_at.astimezone(zone):%a %Y-%m-%d %H:%M}",
                edition.id,
                edition.queued,
                edition.left_out_in_words,
                edition.note_in_words,
            )
            for edition in editions
        ],
    )
    if names:
        for edition in editions:
            say(str(edition.id), style="bold")
            for person in edition.recipients:
                say(f"  {person.name} <{person.address}>")
            for person in edition.left_out:
                say(
                    f"  not {person.name} <{person.address}>: {person.reason_in_words or person.reason}", style="yellow"
                )


def preview(
    campaign: Campaign,
    address: Annotated[
        str | None, typer.Option("--as", metavar="ADDRESS", help="As this contact would get it.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write DIR/CAMPAIGN.html, .txt and .eml.", metavar="DIR")] = None,
    *,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Write the exact mail that a contact would get now, and open it."""
    from nurture.service.preview import preview as compose_preview

    with house() as clinic:
        found = compose_preview(clinic, campaign, address=address)
        folder = output or clinic.previews
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {
        "html": found.page.encode(),
        "txt": found.message.text.encode(),
        "eml": found.message.raw,
    }
    for ending, content in files.items():
        path = folder / f"{campaign}.{ending}"
        path.write_bytes(content)
        path.chmod(0o600)
    page = folder / f"{campaign}.html"
    if as_json:
        print_json(
            {
                "campaign": campaign,
                "address": found.address,
                "subject": found.message.subject,
                "bytes": len(found.message.raw),
                "left_out": found.left_out,
                "files": [folder / f"{campaign}.{ending}" for ending in files],
            }
        )
        return
    say(f"Subject: {found.message.subject}", style="bold")
    say(f"For {found.address}, {len(found.message.raw) / 1024:.0f} kB")
    if found.left_out:
        say(f"This person would not get it now: {found.left_out}", style="yellow")
    say(f"Wrote {page}, .txt and .eml")
    if on_terminal() and not no_open:
        import webbrowser

        webbrowser.open(page.absolute().as_uri())


def send(
    campaign: Campaign,
    *,
    test: Annotated[
        bool, typer.Option("--test", help="Only to your test_recipients, through the real mail account; no history.")
    ] = False,
    to: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="With --test: only to this one of the test_recipients.")
    ] = None,
    address: Annotated[
        str | None, typer.Option("--as", metavar="ADDRESS", help="With --test: as this contact would get it.")
    ] = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make an edition now, whatever the schedule; a running loop delivers it, else this command does.

    Mail still waits for the reader's window, and all gates hold. Exit code 1 if a mail server cannot be used,
    or gave no answer to a mail that it had.

    With `--test` no edition is made: the test_recipients of nurture.yaml get a mail for each category, for somebody
    made up, in the sandbox too. Exit code 1 if one was not taken, 2 if the mail account cannot be used.
    """
    from nurture.service.sending import send_now

    if test:
        _send_test(campaign, to=to, reader=address, as_json=as_json)
        return
    if to is not None or address is not None:
        warn("--to and --as go with --test; without it an edition goes to everybody it is for.")
        raise typer.Exit(2)
    with house() as clinic:
        clinic.workspace.campaign(campaign)  # a wrong name is told before the question
        confirm(f"Make an edition of {campaign} now?", yes=yes)
        done = send_now(clinic, campaign)
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json(done)
    else:
        _print_sent(done, zone)
    if done.stopped or done.account.uncertain:
        raise typer.Exit(1)


def _send_test(campaign: str, *, to: str | None, reader: str | None, as_json: bool) -> None:
    from nurture.service.mail_test import send_test

    with house() as clinic:
        done = send_test(clinic, campaign, to=to, reader=reader)
    if as_json:
        print_json({"all_taken": done.all_taken, "test": done})
    else:
        _print_test(done)
    if not done.all_taken:
        raise typer.Exit(1)


def _print_test(done: MailTest) -> None:
    signed = f"signed by {' and '.join(done.signed_by)}" if done.signed_by else "not signed by nurture"
    say(f"Test of {done.campaign}, from {done.from_address} over {done.server}, {signed}", style="bold")
    for mail in done.mails:
        what = f"{mail.to}: {mail.answer}" if mail.answer else mail.to
        say(f"{'taken' if mail.taken else '! not taken'}  {what}", style="green" if mail.taken else "red")
        if mail.message_id:
            say(f"    {mail.subject}")
            say(f"    for {', '.join(mail.variants).replace('_', ' ')}; Message-ID {mail.message_id}")
        if mail.advice:
            say(f"    {mail.advice}", style="yellow")
    taken = sum(mail.taken for mail in done.mails)
    say(
        f"{taken} of {len(done.mails)} taken. No link in them acts for a reader, and nothing of them is kept.",
        style="bold",
    )


def _print_sent(done: Sent, zone: ZoneInfo) -> None:
    found = done.account
    if found.reason:
        say(f"{found.edition} is skipped: {found.reason.replace('_', ' ')}.", style="yellow")
        return
    say(f"{found.edition}: {found.planned} planned, {found.skipped} of them left out.", style="bold")
    if done.held:
        say(f"! It is held: {done.held}. To let it go all the same: nurture approve {found.edition}", style="red")
    if done.by_loop:
        say("The running loop delivers it.")
    else:
        say(f"{found.sent} sent now, {found.waiting} wait for their time.")
        if found.failed:
            say(f"{found.failed} failed: nurture log --edition {found.edition} --state failed", style="yellow")
        if found.uncertain:
            say(f"! {found.uncertain} may or may not have arrived: nurture uncertain list", style="red")
        for sender in done.stopped:
            say(f"! sender {sender.sender}: {sender.reason}", style="red")
        for slow in done.slowed:
            say(f"Due, but waiting: {slow.waiting} of {slow.subject}: {slow.words}.", style="yellow")
        if found.waiting:
            say("Keep `nurture run` running, so that they leave.")
    if done.opens_at is not None:
        say(f"The first may leave on {done.opens_at.astimezone(zone):%a %Y-%m-%d %H:%M}.", style="yellow")


def run(
    workers: Annotated[
        int,
        typer.Option(help="How many processes deliver; a sender's connections are divided among them.", min=1, max=64),
    ] = 1,
    *,
    inbox: Annotated[bool, typer.Option(help="Serve the sandbox's inbox page.")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    as_json: Json = False,
) -> None:
    """Plan and deliver until stopped; in the sandbox also serve its inbox, with `public_url` the readers' pages.

    With `--json` the inbox's address and each message of the loop is one line of JSON.
    Exit code 1 if one of the further workers died on the way (it was started again).
    """
    from nurture.delivery.event_loop import run_async
    from nurture.service.pages import pages_served
    from nurture.service.running.loop import run_loop
    from nurture.vocabulary import Mode

    print_loop_messages(verbose=verbose, as_json=as_json)
    options = [*(["--verbose"] if verbose else []), *(["--json"] if as_json else [])]
    with house() as clinic, pages_served(clinic) as pages:
        server = None
        if pages:
            where = clinic.workspace.settings.web.local_url
            if as_json:
                print_json_line({"pages": where})
            else:
                say(f"Readers' pages: {where}")
        if inbox and clinic.mode() is Mode.SANDBOX:
            from nurture.sandbox.inbox import serve_inbox

            server = serve_inbox(clinic.maildir)
            if as_json:
                print_json_line({"inbox": server.url})
            else:
                say(f"Sandbox inbox: {server.url}")

        def member(share: Share, sandbox: tuple[str, int] | None) -> list[str]:
            there = [] if sandbox is None else ["--sandbox", f"{sandbox[0]}:{sandbox[1]}"]
            words = ["deliver-member", str(share.number), str(share.workers), *there, *options]
            return [sys.executable, "-m", "nurture", "--workspace", str(clinic.root), *words]

        try:
            deaths = run_async(run_loop(clinic, workers=workers, command=member))
        finally:
            if server:
                server.stop()
    if as_json:
        print_json_line({"stopped": True, "died": deaths})
    else:
        warn(f"Stopped. Deaths of workers on the way: {deaths}." if deaths else "Stopped.")
    if deaths:
        raise typer.Exit(1)


def deliver_member(
    number: Annotated[int, typer.Argument(min=1)],
    workers: Annotated[int, typer.Argument(min=1)],
    *,
    sandbox: Annotated[str | None, typer.Option(help="HOST:PORT of the sandbox's server.")] = None,
    verbose: Annotated[bool, typer.Option("--verbose")] = False,
    as_json: Json = False,
) -> None:
    """One of `nurture run --workers`, which starts it: delivers until its standard input ends."""
    from nurture.delivery.event_loop import run_async
    from nurture.delivery.share import Share
    from nurture.service.running.loop import run_member

    print_loop_messages(verbose=verbose, as_json=as_json)
    host, _, port = (sandbox or "").rpartition(":")
    with house() as clinic:
        run_async(run_member(clinic, Share(number, workers), sandbox=(host, int(port)) if sandbox else None))


def print_loop_messages(*, verbose: bool, as_json: bool) -> None:
    """What `nurture run` says meanwhile."""
    import logging

    from nurture.cli.messages import print_messages

    print_messages(as_json=as_json)
    # APScheduler tells of every wake-up, and warns of each while a job still runs; only its errors matter here.
    logging.getLogger("apscheduler").setLevel(logging.INFO if verbose else logging.ERROR)
