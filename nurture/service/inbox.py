"""What comes back, step by step: read → judge → match → write down → act.

Reading and judging touch no database. The other steps of a batch of mails are
one transaction, together with how far its folder was read: whatever is killed
in between, each mail is taken in, and acts, exactly once.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from nurture.composing.link_keys import link_key_file, read_link_keys
from nurture.composing.link_tokens import KeyRing
from nurture.errors import InputError, SecretError
from nurture.inbox.applying import Understood
from nurture.inbox.consequences import INBOX, Arrived, act, answered
from nurture.inbox.judgement import Judgement
from nurture.inbox.judging import Ourselves, judge_mail
from nurture.inbox.keeping import kept_content
from nurture.inbox.linking import tokens_that_came_back, traces
from nurture.inbox.mail import Mail
from nurture.inbox.matching import Match, match
from nurture.inbox.opening import open_mailbox
from nurture.inbox.parsing import parse_mail
from nurture.inbox.raw_mail import Batch, MailboxSession, RawMail, content_key
from nurture.service.house import House
from nurture.store import Connection, alerts, heartbeat, inbound, meta, way_out
from nurture.store.inbound import FolderPosition, InboundMail
from nurture.store.step import StepFailedError, alone
from nurture.vocabulary import AlertKind, MailKind, Mode
from nurture.workspace.mailbox import Mailbox
from nurture.workspace.settings import Settings

log = logging.getLogger("nurture")


@dataclass(frozen=True, slots=True)
class Judged:
    """A mail, what it was taken for, and the key by which it is known again."""

    raw: RawMail
    key: str
    mail: Mail
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class TakenIn:
    """How many mails of each kind are new; ``first_time`` says that only the mailbox's present end was noted."""

    kinds: Counter[MailKind]
    first_time: bool


def read_mailbox(house: House) -> TakenIn:
    """Read the clinic's mailbox once.

    Raises `InputError` without a mailbox in nurture.yaml, `MailboxError` if not
    all of it could be read: what could be has been taken in by then.
    """
    mailbox = house.workspace.settings.mailbox
    if mailbox is None:
        raise InputError(
            "nurture.yaml names no mailbox to read; write one: `mailbox: {imap: {host: imap.provider.example, "
            "username: hello@clinic.example, password: env:IMAP_PASSWORD}}`"
        )
    session = open_mailbox(house.workspace.settings, mailbox, house.store, root=house.root)
    try:
        return take_in(house, mailbox, session)
    finally:
        session.close()


def take_in(house: House, mailbox: Mailbox, session: MailboxSession) -> TakenIn:
    """Read, judge and write down all that arrived, batch by batch."""
    with house.store.read() as connection:
        positions = inbound.positions(connection, mailbox.account)
    ourselves, ring = Ourselves.of(house.workspace.settings), _key_ring(house)
    kinds: Counter[MailKind] = Counter()
    for batch in session.batches(positions, house.clock.now()):
        judged = list(_judged(batch, ourselves))
        with house.store.write_in_turn() as connection:
            found = _settle(
                connection,
                house.workspace.settings,
                batch.position,
                judged,
                ring=ring,
                from_outside=session.comes_into(batch.position.folder),
                now=house.clock.now(),
            )
            kinds.update(found)
    return TakenIn(kinds, first_time=not positions)


def _key_ring(house: House) -> KeyRing | None:
    """The keys that signed our mails' tokens; without them no token counts, and a wish to leave is asked about."""
    try:
        return read_link_keys(house.data)
    except SecretError as error:
        if link_key_file(house.data).exists():
            log.warning("tokens in mails are not looked at: %s", error)
        return None


def _judged(batch: Batch, ourselves: Ourselves) -> Iterator[Judged]:
    """The mails of a batch with their verdicts; one that lies there twice comes once."""
    seen: set[str] = set()
    for raw in batch.mails:
        key = content_key(raw, batch.position)
        if key not in seen:
            seen.add(key)
            yield Judged(raw, key, *_judgement(raw, ourselves))


def _judgement(raw: RawMail, ourselves: Ourselves) -> tuple[Mail, Judgement]:
    if raw.unreadable:
        return parse_mail(b""), Judgement(MailKind.UNKNOWN, f"the server could not hand it out: {raw.unreadable}")
    try:
        mail = parse_mail(raw.octets)
        return mail, judge_mail(mail, ourselves=ourselves)
    except Exception as error:  # noqa: BLE001 - anybody can send a mail; none may stop what reads the others
        fault = type(error).__name__
        log.error("a mail could not be judged (%s); please report this\n%s", fault, _place_of(error))
        return parse_mail(b""), Judgement(MailKind.UNKNOWN, f"it could not be judged ({fault})")


def _settle(
    connection: Connection,
    settings: Settings,
    position: FolderPosition,
    judged: Iterable[Judged],
    *,
    ring: KeyRing | None,
    from_outside: bool,
    now: datetime,
) -> Counter[MailKind]:
    """Match, write down, act, and move on, in one transaction."""
    assert settings.mailbox is not None
    mode, mailbox = meta.get_mode(connection), settings.mailbox
    judged = list(judged)
    fresh = _unknown(connection, judged)
    links = {each.key: _match_alone(connection, each, ring, now=now) for each in fresh}
    rows = [_row(each, links[each.key], mailbox, position, mode=mode, now=now) for each in fresh]
    ours = inbound.record(connection, rows)  # another reader may have been faster
    for each in fresh:
        if each.key in ours:
            arrived = Arrived(each.mail, each.judgement, position.account, position.folder, mode, from_outside)
            _act_alone(connection, each, links[each.key], settings, arrived, now=now)
    if from_outside:
        _note_loops(connection, judged, now)
    inbound.move_to(connection, position)
    came_in = max((each.raw.received_at for each in judged if _came_in(each, position)), default=None)
    if came_in is not None:
        heartbeat.heard(connection, position.account, came_in)
    return Counter(each.judgement.kind for each in fresh if each.key in ours)


def _note_loops(connection: Connection, judged: Iterable[Judged], now: datetime) -> None:
    """Our mail came to a plus-address, also where its copy among what was sent, the same octets, was read before."""
    for each in judged:
        if each.judgement.kind is MailKind.OWN:
            for token in tokens_that_came_back(each.mail):
                way_out.loop_arrived(connection, token.number, now)


def _came_in(judged: Judged, position: FolderPosition) -> bool:
    """Whether it shows that mail arrives: what we sent does so only in the inbox, for a Sent folder fills itself."""
    return judged.judgement.kind is not MailKind.OWN or position.folder.upper() == INBOX


def _unknown(connection: Connection, judged: list[Judged]) -> list[Judged]:
    known = inbound.known(connection, [each.key for each in judged]) if judged else frozenset()
    return [each for each in judged if each.key not in known]


def _match_alone(connection: Connection, judged: Judged, ring: KeyRing | None, *, now: datetime) -> Match | None:
    try:
        return alone(connection, partial(_match, connection, judged, ring))
    except StepFailedError as failure:
        _tell(connection, judged, failure, now=now)
        return None


def _act_alone(
    connection: Connection,
    judged: Judged,
    found: Match | None,
    settings: Settings,
    arrived: Arrived,
    *,
    now: datetime,
) -> None:
    try:
        alone(connection, partial(_act, connection, judged, found, settings, arrived, now=now))
    except StepFailedError as failure:
        _tell(connection, judged, failure, now=now)


def _tell(connection: Connection, judged: Judged, failure: StepFailedError, *, now: datetime) -> None:
    """Anybody can send a mail: none may stop the others, and none that failed may be forgotten."""
    cause = failure.__cause__
    fault = type(cause).__name__
    log.error("what follows from a mail could not be done (%s); please report this\n%s", fault, _place_of(cause))
    words = (
        f"a mail ({judged.judgement.kind}) that came {judged.raw.received_at:%Y-%m-%d %H:%M} UTC could not be followed "
        f"({fault}). Read it in the mailbox, do what it asks for, and report the fault."
    )
    alerts.raise_by_stranger(connection, AlertKind.MAIL_UNFOLLOWED, judged.key, words, now)


def _place_of(error: BaseException | None) -> str:
    """Where it happened, without the error's own words: they may hold what the mail holds."""
    return "".join(traceback.format_tb(error.__traceback__)) if error else ""


def _match(connection: Connection, judged: Judged, ring: KeyRing | None) -> Match | None:
    """To which of our mails, and to whom, the mail belongs."""
    if judged.judgement.kind in (MailKind.OWN, MailKind.UNKNOWN):
        return None
    return match(connection, traces(judged.mail, judged.judgement, judged.raw.received_at), ring)


def _act(
    connection: Connection,
    judged: Judged,
    found: Match | None,
    settings: Settings,
    arrived: Arrived,
    *,
    now: datetime,
) -> None:
    """What the mail changes: suppressions, absences, replies, clocks."""
    if judged.judgement.kind is MailKind.OWN:
        answered(connection, arrived, key=judged.key, sent_at=judged.raw.received_at)
    elif found is not None:
        heard = Understood(judged.key, found, settings, judged.raw.received_at, now)
        act(connection, arrived, heard)


def _row(
    judged: Judged, found: Match | None, mailbox: Mailbox, position: FolderPosition, *, mode: Mode, now: datetime
) -> InboundMail:
    return InboundMail(
        mode=mode,
        key=judged.key,
        account=position.account,
        folder=position.folder,
        uid_validity=position.uid_validity,
        uid=judged.raw.uid,
        file_name=judged.raw.file_name,
        received_at=judged.raw.received_at,
        taken_at=now,
        kind=judged.judgement.kind,
        cut=judged.raw.cut or judged.mail.cut,
        content=kept_content(judged.mail, judged.judgement, found, mailbox.kind),
    )
