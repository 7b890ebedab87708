"""The owner's notice of one edition, made: numbers, words, and the mails that its readers get."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from nurture.audience.words import in_words
from nurture.composing.edition import EditionContent
from nurture.composing.edition_notice import LINK_SUBJECT, EditionNotice, Shown
from nurture.composing.headers import new_message_id
from nurture.composing.message import Composer
from nurture.composing.recipient import Recipient
from nurture.composing.samples import sample_values
from nurture.composing.trial import inert_values
from nurture.delivery.finishing import Finish, Pace, few_first, finish
from nurture.planning.figures import Figures
from nurture.planning.selection import openings_of
from nurture.reports.edition_notice import NoticeFacts, label_of, notice_head, notice_subject
from nurture.service.house import House
from nurture.service.showing import ToShow
from nurture.store import brakes, pacing
from nurture.store.pacing import THE_SENDER
from nurture.vocabulary import Mode


@dataclass(frozen=True, slots=True)
class MadeNotice:
    """The words and mails of a notice, and the content with their images."""

    notice: EditionNotice
    content: EditionContent
    sender: str


def make_notice(house: House, shown: ToShow) -> MadeNotice:
    """Compose it; raises `ComposeError` if a mail cannot be composed, `NotFoundError` without the campaign's file."""
    workspace = house.workspace
    campaign, settings = workspace.campaign(shown.id.campaign), workspace.settings
    sender = campaign.sender or settings.default_sender
    facts = NoticeFacts(
        id=shown.id,
        due_at=shown.due_at,
        expires_at=shown.figures.expires_at or shown.expires_at,
        figures=shown.figures,
        finish=_finish(house, shown, sender),
        who=in_words(campaign.to, workspace.segments),
        standing=shown.standing,
        by=shown.by,
        changed=shown.changed,
        made=shown.number is not None,
    )
    content = EditionContent.from_json(shown.content)
    content = replace(content, shared=inert_values(content.shared, says=LINK_SUBJECT), targets=())
    notice = EditionNotice(
        subject=notice_subject(facts, settings.zone),
        paragraphs=notice_head(facts, settings.zone),
        shown=_mails(content, shown.figures, at=house.clock.now()),
    )
    return MadeNotice(notice, content, sender)


def _mails(content: EditionContent, figures: Figures, *, at: datetime) -> tuple[Shown, ...]:
    """The mail of each category, once where several read the same."""
    composer = Composer(content)
    message_id = new_message_id(content.shared["sender"]["address"])
    found: dict[tuple[str, str, str], Shown] = {}
    for kind in figures.one_of_each():
        values = sample_values(kind.variant)
        message = composer.compose(
            Recipient(0, message_id, at, values["contact"]["address"], kind.variant, values, kind.news_ids)
        )
        alike = (message.subject, message.text, message.encoded_html)
        label = label_of(kind, figures.mails)
        if alike in found:
            label = f"{found[alike].label}\n{label}"
        found[alike] = Shown(label, message)
    return tuple(found.values())


def _finish(house: House, shown: ToShow, sender: str) -> Finish:
    if shown.figures.expires_at is None:
        return Finish(None)
    settings, now = house.workspace.settings, house.clock.now()
    with house.store.read() as connection:
        row = pacing.of_sender(connection, Mode.LIVE, sender).get(THE_SENDER)
        first = shown.number is None and brakes.is_first(connection, 0, Mode.LIVE)
    pace = Pace(settings.senders[sender])
    if row is not None:
        pace = Pace(settings.senders[sender], row.learned, row.day, row.used)
    starts = {max(start, now): 0 for start in shown.figures.starts}
    for start, number in shown.figures.starts.items():
        starts[max(start, now)] += number
    return finish(
        few_first(starts, settings.brakes.first_edition) if first else starts,
        pace,
        openings_of(house.workspace.campaigns[shown.id.campaign], settings),
        zone=settings.zone,
        expires_at=shown.figures.expires_at,
    )
