"""The job `notices`: the owner is shown each live edition before it leaves, once for each content of it.

A try is written down before it begins, with its Message-ID, so of two loops one sends, and a copy that a killed
process caused is the same mail. Nothing else is kept: no delivery, no attempt, no news seen.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from itertools import chain

from nurture.audience.suppressed import suppressed_addresses
from nurture.composing.edition_notice import Envelope, compose_edition_notice
from nurture.composing.headers import new_message_id
from nurture.delivery.guard import look as look_for_copy
from nurture.delivery.messages import OutgoingMessage
from nurture.errors import ComposeError, NurtureError
from nurture.planning.approval import TRY_ENDS, notice_due, pause_after
from nurture.planning.coming import Coming, Unwritten, coming_editions, find_coming
from nurture.service.account import account_of, answer_of, hand_over_now
from nurture.service.edition_notices.composing import MadeNotice, make_notice
from nurture.service.house import House
from nurture.service.showing import ToShow, shown_coming, shown_under_way
from nurture.store import alerts, editions, notices
from nurture.store.editions import EditionId, EditionRow
from nurture.store.notices import NoticeRow
from nurture.vocabulary import (
    WAITS_FOR_APPROVAL,
    AlertKind,
    AttemptOutcome,
    CampaignKind,
    EditionState,
    Mode,
)

log = logging.getLogger("nurture")

PATIENCE = 20.0  # seconds for one notice; the loop may be told to stop meanwhile
_OVER = (EditionState.FINISHED, EditionState.CANCELED, EditionState.SKIPPED, EditionState.MISSED)
_UNSENT = AlertKind.NOTICE_UNSENT


def send_notices(house: House) -> tuple[EditionId, ...]:
    """Send what is due; the editions that the owner has now seen. In the sandbox there is nothing to do.

    What cannot be sent raises an alert, and is tried again after a pause.
    """
    if house.mode() is not Mode.LIVE or look_for_copy(house.store) is not None:
        return ()
    looked_at: set[str] = set()
    seen = []
    # those that are made first: broken news stop the others
    for waiting in chain(_under_way(house), _coming(house)):
        looked_at.add(str(waiting.id))
        if isinstance(waiting, Unwritten):
            _tell(house, waiting.id, f"it cannot be shown to anybody before it leaves: {waiting.words}")
        elif _show(house, waiting):
            seen.append(waiting.id)
    _end_alerts(house, looked_at)
    _look_at_approved(house)
    return tuple(seen)


class _Waiting:
    """A notice that may be due."""

    def __init__(self, row: NoticeRow, *, changed: bool, edition: EditionRow | None, coming: Coming | None) -> None:
        self.id = row.public_id
        self.row = row
        self.changed = changed
        self.edition = edition
        self.coming = coming

    def to_show(self, house: House) -> ToShow | None:
        """What is to be shown; None: nobody gets the edition, as things are."""
        if self.edition is not None:
            return shown_under_way(house, self.edition, changed=self.changed)
        assert self.coming is not None
        return shown_coming(house, self.coming, changed=self.changed) if self.coming.content else None


def _under_way(house: House) -> Iterator[_Waiting]:
    """Editions that were made before anybody could see them."""
    with house.store.read() as connection:
        found = notices.unsent_under_way(connection, mode=Mode.LIVE)
        shown = {
            row.id: _shown_before(notices.of_edition(connection, row.public_id, mode=Mode.LIVE)) for row, _ in found
        }
    for edition, row in found:
        yield _Waiting(row, changed=shown[edition.id], edition=edition, coming=None)


def _coming(house: House) -> Iterator[_Waiting | Unwritten]:
    now, workspace = house.clock.now(), house.workspace
    within = workspace.settings.notices.before
    for each in coming_editions(house.store, workspace, now=now, within=within, snapshot=house.snapshot):
        if isinstance(each, Unwritten):
            yield each
            continue
        known = _recorded(house, each)
        yield _Waiting(known[-1], changed=_shown_before(known), edition=None, coming=each)


def _look_at_approved(house: House) -> None:
    """What was approved long before and then changed shall not stand there as approved until its notice is due."""
    now, workspace = house.clock.now(), house.workspace
    with house.store.read() as connection:
        known = notices.in_force(connection, mode=Mode.LIVE, due_after=now + workspace.settings.notices.before)
    for name, row in known.items():
        if row.approved_by is None or name.campaign not in workspace.campaigns:
            continue
        try:
            found = find_coming(house.store, workspace, name, now=now, snapshot=house.snapshot)
        except ComposeError:
            continue  # told when its notice is due
        if found is not None:
            _recorded(house, found)


def _recorded(house: House, coming: Coming) -> tuple[NoticeRow, ...]:
    """All contents that it ever had, with what readers would get now in force."""
    with house.store.read() as connection:
        known = notices.of_edition(connection, coming.id, mode=Mode.LIVE)
    if known and known[-1].digest == coming.digest:
        return known
    due_at, now = coming.due.occurrence.at, house.clock.now()
    with house.store.write() as connection:
        notices.record(connection, coming.id, mode=Mode.LIVE, digest=coming.digest, due_at=due_at, now=now)
        return notices.of_edition(connection, coming.id, mode=Mode.LIVE)


def _shown_before(known: tuple[NoticeRow, ...]) -> bool:
    """Whether somebody was shown another content than the one in force."""
    return any(row.taken_by for row in known[:-1])


def _show(house: House, waiting: _Waiting) -> bool:
    row, now = waiting.row, house.clock.now()
    if not notice_due(
        seen_at=row.seen_at,
        sent_at=row.sent_at,
        next_try_at=row.next_try_at,
        shown_before=waiting.changed,
        made=waiting.edition is not None,
        now=now,
    ):
        return False
    with house.store.write() as connection:
        message_id = new_message_id(_from_address(house, waiting))
        begun = notices.begin_try(connection, row.id, message_id=message_id, until=now + TRY_ENDS, now=now)
    if begun is None:
        return False  # another loop sends it
    try:
        to_show = waiting.to_show(house)
        if to_show is None or not to_show.figures.mails:
            _end(house, begun, taken=begun.taken_by, words="")
            return False
        taken, words = _send(house, begun, make_notice(house, to_show))
    except NurtureError as error:
        taken, words = begun.taken_by, str(error)
    return _end(house, begun, taken=taken, words=words)


def _from_address(house: House, waiting: _Waiting) -> str:
    workspace = house.workspace
    campaign = workspace.campaigns.get(waiting.id.campaign)
    return workspace.settings.senders[(campaign and campaign.sender) or workspace.settings.default_sender].address


def _send(house: House, row: NoticeRow, made: MadeNotice) -> tuple[tuple[str, ...], str]:
    """Who has it now, and what went wrong, in words; "": nothing."""
    wanted = [address for address in house.workspace.settings.notified if address not in row.taken_by]
    suppressed = suppressed_addresses(house.store, house.workspace, wanted)
    account = account_of(house, made.sender)
    now = house.clock.now()
    assert row.message_id is not None, "a try has one"
    messages = []
    for to in (address for address in wanted if address not in suppressed):
        sender = account.sender
        envelope = Envelope(row.message_id, now, house.workspace.settings.clinic.name, sender.address, to)
        raw = compose_edition_notice(made.notice, made.content, envelope)
        signed = account.signer.sign(raw, at=now) + raw
        messages.append(OutgoingMessage(row.message_id, now, sender.address, to, signed, {}))
    endings = hand_over_now(house, account, messages, patience=PATIENCE)
    taken, troubles = list(row.taken_by), []
    for message, ending in zip(messages, endings, strict=True):
        if ending.end.outcome is AttemptOutcome.SENT:
            taken.append(message.envelope_to)
        else:
            troubles.append(f"{message.envelope_to}: {answer_of(ending)}")
    troubles += [f"{address} is suppressed ({reason.replace('_', ' ')})" for address, reason in suppressed.items()]
    return tuple(taken), "; ".join(troubles)


def _end(house: House, row: NoticeRow, *, taken: tuple[str, ...], words: str) -> bool:
    """Write down how a try ended; whether everybody has it."""
    now = house.clock.now()
    everybody = set(house.workspace.settings.notified) <= set(taken)
    again_at = None if everybody else now + pause_after(row.tries)
    with house.store.write() as connection:
        notices.end_try(connection, row.id, taken_by=taken, again_at=again_at, now=now)
        if everybody:
            alerts.resolve_alert(connection, _UNSENT, str(row.public_id), now)
    if words:
        _tell(house, row.public_id, f"its notice could not be sent: {words}")
    return everybody


def _tell(house: House, name: EditionId, words: str) -> None:
    """Raise the alert, but write nothing where it says the same already: this runs every minute."""
    log.error("%s: %s", name, words)
    with house.store.read() as connection:
        said = alerts.words_of(connection, _UNSENT, str(name))
    if said != words:
        with house.store.write() as connection:
            alerts.raise_alert(connection, _UNSENT, str(name), words, house.clock.now())


def _end_alerts(house: House, looked_at: Collection[str]) -> None:
    """Alerts about editions that are over end; that of one which nobody approved in time becomes another."""
    with house.store.read() as connection:
        told = [alert for alert in alerts.open_alerts(connection) if alert.kind in (AlertKind.EDITION_HELD, _UNSENT)]
        found = [(alert, editions.find(connection, EditionId.parse(alert.subject), mode=Mode.LIVE)) for alert in told]
    now = house.clock.now()
    for alert, row in found:
        over = row.state in _OVER if row else alert.subject not in looked_at and alert.kind is _UNSENT
        if not over:
            continue
        with house.store.write() as connection:
            alerts.resolve_alert(connection, alert.kind, alert.subject, now)
            if row and alert.kind is AlertKind.EDITION_HELD and row.held_because == WAITS_FOR_APPROVAL:
                alerts.raise_alert(connection, AlertKind.EDITION_MISSED, alert.subject, _unapproved(row), now)


def _unapproved(row: EditionRow) -> str:
    again = f"nurture send {row.campaign}"
    if row.kind is CampaignKind.BROADCAST:
        again = f"raise `edition` in campaigns/{row.campaign}.yaml"
    return f"nobody approved it in time, so what was left of it has expired; to send it all the same: {again}"
