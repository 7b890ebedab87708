"""``nurture inbox read``, ``list``, ``show``: read the mailbox by hand, and see what was taken in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say, table
from nurture.vocabulary import MailKind

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from nurture.store.inbound import InboundMail


def register(inbox: typer.Typer) -> None:
    """Add the commands of this module to ``nurture inbox``."""
    inbox.command()(read)
    inbox.command("list")(list_)
    inbox.command()(show)


def read(*, as_json: Json = False) -> None:
    """Read the mailbox once and say what is new; no mail in it is marked, moved or deleted.

    The first time only remembers where the mailbox ends: older mail is not taken in. `nurture run` reads by itself.
    """
    from nurture.service.inbox import read_mailbox

    with house() as clinic:
        taken = read_mailbox(clinic)
    counts = taken.kinds
    if as_json:
        print_json({"new": counts.total(), "kinds": {kind: counts[kind] for kind in MailKind}})
    elif taken.first_time:
        say("From now on what arrives is taken in; what lies in the mailbox already is not.")
    elif not counts:
        say("Nothing new.")
    else:
        say(f"{counts.total()} new: " + ", ".join(f"{count} {kind}" for kind, count in counts.most_common()) + ".")


def list_(
    kind: Annotated[MailKind | None, typer.Option(help="Only this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="So many at most.")] = 50,
    *,
    as_json: Json = False,
) -> None:
    """Show what arrived, the newest first. Mail of others in a shared mailbox stands there without its words."""
    from nurture.store import inbound

    with house() as clinic:
        mode = clinic.mode()
        with clinic.store.read() as connection:
            mails = inbound.latest(connection, mode=mode, kind=kind, limit=limit)
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json({"mails": mails})
    else:
        print_mails(mails, zone)


def print_mails(mails: Sequence[InboundMail], zone: ZoneInfo) -> None:
    """The table of what arrived; times in the clinic's zone."""
    if not mails:
        say("Nothing has arrived yet.")
        return
    rows = [(mail.id, mail.received_at.astimezone(zone), mail.kind, *_words(mail)) for mail in mails]
    table([">id", "time", "kind", "from", "subject", "folder"], rows)


def _words(mail: InboundMail) -> tuple[str | None, str | None, str]:
    if mail.content is None:
        return None, None, mail.folder
    return mail.content.sender, mail.content.subject, mail.folder


def show(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As in the list.")], *, as_json: Json = False
) -> None:
    """Show one mail: what it was taken for, why, and what of it was kept."""
    from nurture.errors import NotFoundError
    from nurture.store import inbound

    with house() as clinic:
        with clinic.store.read() as connection:
            mail = inbound.find(connection, number)
        zone = clinic.workspace.settings.zone
    if mail is None:
        raise NotFoundError(f"there is no mail {number}; nurture inbox list shows them")
    if as_json:
        print_json(mail)
        return
    place = f"UID {mail.uid}" if mail.uid else mail.file_name
    say(f"{mail.kind}, received {mail.received_at.astimezone(zone):%Y-%m-%d %H:%M}, in {mail.folder} ({place})")
    if mail.cut:
        say("It is too big: only its beginning was looked at.", style="yellow")
    content = mail.content
    if content is None:
        say("It has nothing to do with our mails, so nothing else of it was kept.")
        return
    for name, value in (("From", content.sender), ("Subject", content.subject), ("Why", content.why)):
        if value:
            say(f"{name}: {value}")
    if content.text:
        say()
        say(content.text)
