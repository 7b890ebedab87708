"""``nurture notice``: what the owner is shown of a campaign's edition, to look at. Sends nothing, keeps nothing."""

from __future__ import annotations

from dataclasses import dataclass

from nurture.composing.edition_notice import Envelope, compose_edition_notice, notice_page
from nurture.composing.headers import new_message_id
from nurture.errors import InputError
from nurture.planning.coming import find_coming, next_coming
from nurture.service.edition_notices.composing import make_notice
from nurture.service.house import House
from nurture.service.showing import ToShow, shown_coming, shown_under_way
from nurture.store import editions
from nurture.store.editions import EditionId
from nurture.vocabulary import WAITS_FOR_APPROVAL, EditionState


@dataclass(frozen=True, slots=True)
class NoticePreview:
    """A notice as it would be sent now, as bytes, as text, as a page for a browser; ``to`` would get it."""

    edition: EditionId
    subject: str
    paragraphs: tuple[str, ...]
    to: tuple[str, ...]
    raw: bytes
    text: str
    page: str


def preview_notice(house: House, campaign: str) -> NoticePreview:
    """That of the edition that waits for approval, else of the next one that comes, in either mode.

    Raises `NotFoundError` for an unknown campaign, `InputError` where nothing comes or nobody would get it, and what
    composing raises.
    """
    shown = _waiting(house, campaign) or _next(house, campaign)
    if not shown.figures.mails:
        raise InputError(f"as things are nobody gets {shown.id}, so nothing is shown; see `nurture plan --names`")
    made, settings = make_notice(house, shown), house.workspace.settings
    sender = settings.senders[made.sender]
    envelope = Envelope(
        new_message_id(sender.address), house.clock.now(), settings.clinic.name, sender.address, settings.notified[0]
    )
    return NoticePreview(
        edition=shown.id,
        subject=made.notice.subject,
        paragraphs=made.notice.paragraphs,
        to=settings.notified,
        raw=compose_edition_notice(made.notice, made.content, envelope),
        text=made.notice.text,
        page=notice_page(made.notice, made.content),
    )


def _waiting(house: House, campaign: str) -> ToShow | None:
    with house.store.read() as connection:
        ready = editions.list_editions(
            connection, mode=house.mode(), campaign=campaign, states=[EditionState.READY], limit=100
        )
    waiting = next((row for row in ready if row.held_because == WAITS_FOR_APPROVAL), None)
    return shown_under_way(house, waiting) if waiting else None


def _next(house: House, campaign: str) -> ToShow:
    due = next_coming(house.store, house.workspace, campaign, now=house.clock.now())
    if due is None:
        raise InputError(f"no edition of {campaign} comes within a year; `nurture preview {campaign}` shows its mail")
    name = EditionId(campaign, due.key)
    coming = find_coming(house.store, house.workspace, name, now=house.clock.now(), snapshot=house.snapshot)
    if coming is None or not coming.content:
        raise InputError(f"{campaign} has no news to carry; `nurture news` shows what there is")
    return shown_coming(house, coming)
