"""What the chosen set-up does without: a public address, a mailbox that is read. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from nurture.workspace.mailbox import MailboxKind
from nurture.workspace.settings import Settings


def costs(settings: Settings) -> tuple[str, ...]:
    """In words, what readers and the clinic do without as ``nurture.yaml`` stands (DESIGN 6); none is a problem."""
    return (*_without_public_url(settings), *_of_the_mailbox(settings))


def _without_public_url(settings: Settings) -> Iterator[str]:
    if settings.public_url is None:
        yield (
            "without `public_url` readers leave by a mail with STOP, not with one click (RFC 8058; Google and Yahoo "
            "require that of whoever sends 5,000 mails a day), and no page or link tells what was read"
        )


def _of_the_mailbox(settings: Settings) -> Iterator[str]:
    if settings.mailbox is not None:
        if settings.mailbox.kind is MailboxKind.SHARED:
            yield "the shared `mailbox` keeps a fingerprint of each other mail there, without its words"
        return
    reader = settings.replies_read_by
    who = f"{settings.staff[reader].name} has" if reader is not None else "somebody has"
    yield (
        f"without a `mailbox` only people see answers: {who} to read them, and to type `nurture contacts suppress "
        "ADDRESS` for each who asks to leave or whose mail comes back; no clock tells who waits"
    )
    if settings.public_url is None:
        yield "with neither, every wish to leave depends on that person: the law gives 10 business days (16 CFR 316.5)"
