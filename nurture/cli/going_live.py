"""``nurture go-live``: the day on which mail leaves for real."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.nameserver import Nameserver, dns_question
from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import counted, print_json, say, table, warn

if TYPE_CHECKING:
    from nurture.service.going_live import Readiness
    from nurture.service.house import House


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command("go-live", epilog="Examples: nurture go-live --look; nurture go-live; nurture go-live --undo")(go_live)


def go_live(
    *,
    look: Annotated[bool, typer.Option("--look", help="Only show what stands before it, and who would be mailed.")] = (
        False
    ),
    no_previous_list: Annotated[
        bool, typer.Option("--no-previous-list", help="No other system has mailed these people before.")
    ] = False,
    clinic: Annotated[
        str | None, typer.Option(metavar="NAME", help="The clinic's name, where nobody is there to type it.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Back to the sandbox, before the next mail.")] = False,
    nameserver: Nameserver = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let mail leave for real, from now on: nothing that was due before is ever sent.

    Shows whom it will reach, and asks for the clinic's name. Exit code 1 if something stands before it.
    """
    from nurture.service import going_live

    with house() as opened:
        if undo:
            _go_back(opened, yes=yes, as_json=as_json)
            return
        circumstances = going_live.Circumstances(no_previous_list, dns_question(nameserver))
        found = going_live.examine(opened, circumstances)
        if not as_json:
            _print_readiness(found, opened)
        if found.obstacles or look:
            if as_json:
                print_json(found)
            raise typer.Exit(1 if found.obstacles else 0)
        name = clinic if clinic is not None else _type_name(found.clinic)
        done = going_live.go_live(opened, circumstances, clinic=name)
        zone = opened.workspace.settings.zone
    if as_json:
        print_json(done)
    else:
        people = ", ".join(dict.fromkeys(mail.to for mail in done.test.mails))
        say(f"A test mail of {done.test.campaign} went to {people}.")
        say(f"Live since {done.since.astimezone(zone):%Y-%m-%d %H:%M}.", style="bold")
        say("`nurture run` delivers; `nurture pause --all` is the brake; `nurture go-live --undo` the way back.")


def _type_name(name: str) -> str:
    import sys

    if not sys.stdin.isatty():
        warn("Type the clinic's name to go live. Nobody is here to type it; say --clinic NAME.")
        raise typer.Exit(2)
    typed: str = typer.prompt(f"Mail will leave for real. Type the clinic's name ({name})", err=True)
    return typed


def _go_back(opened: House, *, yes: bool, as_json: bool) -> None:
    from nurture.service import going_live

    going_live.refuse_sandbox(opened)
    confirm("Take all mail back into the sandbox?", yes=yes)
    done = going_live.go_back(opened)
    if as_json:
        print_json(done)
        return
    say("In the sandbox again: no further mail leaves.", style="bold")
    if done.waiting:
        say(f"Waiting: {counted(done.waiting, 'live mail')}. It goes on when the clinic is live again in time.")


def _print_readiness(found: Readiness, opened: House) -> None:
    from nurture.service.going_live import DAYS

    if not found.reach:
        say("There are no contacts yet: nurture contacts import.", style="yellow")
    else:
        table(
            ["category", ">people", ">may be mailed", ">no consent", ">suppressed"],
            [
                (
                    (each.category or "no category").replace("_", " "),
                    each.people,
                    each.may_be_mailed,
                    each.without_consent,
                    each.suppressed,
                )
                for each in found.reach
            ],
        )
    zone = opened.workspace.settings.zone
    say(f"In the next {DAYS} days:" if found.coming else f"Nothing is due in the next {DAYS} days.", style="bold")
    if found.coming:
        table(
            ["time", "edition", ">mails", "left out"],
            [
                (f"{each.due_at.astimezone(zone):%a %Y-%m-%d %H:%M}", each.id, each.queued, each.left_out_in_words)
                for each in found.coming
            ],
        )
    for obstacle in found.obstacles:
        say(f"! {obstacle}", style="red")
    if found.obstacles:
        count = len(found.obstacles)
        say(f"{count} things stand before going live." if count > 1 else "This stands before going live.", style="bold")
