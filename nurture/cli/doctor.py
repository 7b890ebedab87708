"""``nurture doctor``: what would keep mails from arriving, and how to mend it."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.nameserver import Nameserver, dns_question
from nurture.cli.options import Json, house
from nurture.cli.output import console, on_terminal, print_json, say, visible

if TYPE_CHECKING:
    from nurture.doctor.checks import Check
    from nurture.service.doctor import Report

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red", "unknown": "cyan"}
_INDENT = " " * 9


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(epilog="Examples: nurture doctor; nurture doctor --zone-file clinic.zone")(doctor)


def doctor(
    zone_file: Annotated[
        Path | None,
        typer.Option(help="A zone file (RFC 1035) that answers in the place of the DNS; nothing leaves this machine."),
    ] = None,
    *,
    nameserver: Nameserver = None,
    as_json: Json = False,
) -> None:
    """Look at the DNS of your domains, your mail server and this machine; say how to mend what is wrong.

    No mail is sent. Exit code 1 if something must be mended before going live (fail).
    """
    from nurture.doctor.zone_file import zone_file_question
    from nurture.service.doctor import examine

    question = dns_question(nameserver) if zone_file is None else zone_file_question(zone_file)
    with house() as clinic:
        report = examine(clinic, question=question, online=zone_file is None)
    if as_json:
        print_json({"checks": [_as_json(check) for check in report.checks], "failed": len(report.failed)})
    else:
        _print(report)
    if report.failed:
        raise typer.Exit(1)


def _print(report: Report) -> None:
    from nurture.vocabulary import Health

    for check in report.checks:
        _print_check(check)
    counts = ", ".join(f"{report.count(health)} {health}" for health in Health)
    say()
    say(f"{counts}.", style="bold")
    if report.failed:
        names = dict.fromkeys(f"{check.name} of {check.about}" for check in report.failed)
        say(f"Mend before going live: {'; '.join(names)}.")


def _print_check(check: Check) -> None:
    from rich.text import Text

    head = (f"{check.health:<8} ", _STYLES[check.health]), (check.name, "bold"), visible(f"  {check.about}")
    console().print(Text.assemble(*head))
    for words in filter(None, (check.seen, check.mend)):
        lead = _INDENT if words is check.seen else _INDENT + "→ "
        width = console().width - 1 if on_terminal() else len(words) + len(lead)
        further = " " * len(lead)
        say(textwrap.fill(words, width, initial_indent=lead, subsequent_indent=further, break_on_hyphens=False))
    if check.record is not None:
        # a line of its own, from its start: nothing that people copy may be broken by the width of a terminal
        typer.echo(visible(check.record.zone_line))


def _as_json(check: Check) -> dict[str, object]:
    record = check.record
    publish = None
    if record is not None:
        publish = {"name": record.name, "type": "TXT", "value": record.value, "strings": record.strings}
    return {
        "check": check.name,
        "about": check.about,
        "health": check.health,
        "seen": check.seen,
        "mend": check.mend,
        "publish": publish,
    }
