"""``nurture inbox``: what comes back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json
from nurture.cli.output import print_json_line, say

if TYPE_CHECKING:
    from nurture.inbox.judgement import BouncedRecipient, Judgement

app = typer.Typer(no_args_is_help=True, help="What comes back: replies, bounces, complaints, automatic answers.")

_STDIN = "-"
_TEXT_LINES = 12  # of a reply's words for people; --json has all


@app.callback()
def inbox() -> None:
    """What comes back: replies, bounces, complaints, automatic answers."""


@app.command(epilog="Examples: nurture inbox classify answer.eml; nurture inbox classify mails/ --json")
def classify(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Mails, or folders of them; - reads one mail from standard input."),
    ],
    *,
    own: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="An address of ours; mail from it is our own. May be repeated."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what mails are taken for, and why: bounce, complaint, report, autoreply, reply, own or unknown.

    Needs no workspace, changes nothing, and asks nobody. With --json one object a line.
    """
    from nurture.inbox.judging import Ourselves, judge_octets

    ourselves = Ourselves(frozenset(address.lower() for address in own or ()))
    shown = False
    for name, octets in _mails(files):
        judgement = judge_octets(octets, ourselves=ourselves)
        if as_json:
            print_json_line(_as_json(name, judgement))
            continue
        if shown:
            say()
        _print(name, judgement)
        shown = True


def _mails(files: list[str]) -> Iterator[tuple[str, bytes]]:
    """Each mail with its name; whatever cannot be read is said before the first one."""
    from nurture.inbox.parsing import MAX_OCTETS

    for name in list(_names(files)):
        if name == _STDIN:
            yield name, sys.stdin.buffer.read(MAX_OCTETS + 1)
        else:
            yield name, _read(name, MAX_OCTETS + 1)


def _names(files: list[str]) -> Iterator[str]:
    from nurture.errors import InputError

    for file in files:
        path = Path(file).expanduser()
        if file == _STDIN or path.is_file():
            yield file if file == _STDIN else str(path)
        elif path.is_dir():
            yield from sorted(str(each) for each in path.rglob("*") if each.is_file())
        else:
            raise InputError(f"there is no file or folder {file}")


def _read(name: str, most: int) -> bytes:
    from nurture.errors import InputError

    try:
        with Path(name).open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error


def _as_json(name: str, judgement: Judgement) -> dict[str, object]:
    automatic = judgement.automatic
    recipients: list[dict[str, object]] = [
        {"address": each.address, "bounce": each.bounce, "status": each.status, "action": each.action}
        for each in judgement.recipients
    ]
    recipients += [{"address": each, "bounce": None, "status": None, "action": None} for each in judgement.reported]
    return {
        "file": name,
        "kind": judgement.kind,
        "recipients": recipients,
        "original_message_id": judgement.original_message_id,
        "auto": automatic,
        "feedback_type": judgement.feedback_type,
        "opt_out": judgement.opt_out,
        "text": judgement.text,
        "why": judgement.why,
    }


def _print(name: str, judgement: Judgement) -> None:
    kind = judgement.kind.value
    if judgement.automatic:
        kind += f" ({judgement.automatic.kind.value.replace('_', ' ')})"
    if judgement.opt_out:
        kind += ", wants no more mails"
    say(f"{name}: {kind}", style="bold")
    say(f"  why: {judgement.why}")
    for each in judgement.recipients:
        say(f"  {_in_words(each)}")
        if each.words:
            say(f"    {each.words[:200]}", style="dim")
    for address in judgement.reported:
        say(f"  about: {address}")
    if judgement.automatic and judgement.automatic.until:
        say(f"  until: {judgement.automatic.until}")
    if judgement.automatic and judgement.automatic.new_address:
        say(f"  new address: {judgement.automatic.new_address}")
    if judgement.original_message_id:
        say(f"  about the mail: <{judgement.original_message_id}>")
    lines = (judgement.text or "").split("\n")
    for line in lines[:_TEXT_LINES]:
        if line.strip():
            say(f"  | {line}")
    if len(lines) > _TEXT_LINES:
        say(f"  (and {len(lines) - _TEXT_LINES} more lines)", style="dim")


def _in_words(recipient: BouncedRecipient) -> str:
    details = ", ".join(filter(None, (recipient.status, recipient.action)))
    return f"{recipient.address}: {recipient.bounce.value}" + (f" ({details})" if details else "")
