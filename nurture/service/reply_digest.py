"""The job `replies`: the clinic's people hear by mail who waits too long for an answer."""

from __future__ import annotations

from datetime import datetime

from nurture.audience.suppressed import suppressed_addresses
from nurture.errors import NurtureError
from nurture.inbox.judging import Ourselves
from nurture.reports.replies import clock_of, waiting_replies
from nurture.reports.reply_digest import Digest, digest_due, digest_subject, digest_text
from nurture.service.house import House
from nurture.service.own_people import Words, mail_own_people
from nurture.store import alerts, replies
from nurture.vocabulary import AlertKind
from nurture.workspace.settings import Settings

_ALERT = "replies"


def tell_who_waits(house: House, *, sandbox: tuple[str, int] | None) -> Digest | None:
    """Mail a digest if one is due; what it said, or None.

    ``sandbox`` is where the sandbox's server listens. Without anybody to tell, an alert says so. Raises
    `SenderError` or `SecretError` if the mail cannot be sent; then the next run tries again.
    """
    settings, mode, now = house.workspace.settings, house.mode(), house.clock.now()
    clock = clock_of(settings)
    with house.store.read() as connection:
        last_at = replies.last_digest(connection, mode=mode)
    digest = digest_due(waiting_replies(house.store, clock, now), clock, last_at=last_at, now=now)
    if digest is None:
        return None
    people = _people(house, settings)
    if not _somebody_to_tell(house, people, digest, now):
        return None
    with house.store.write() as connection:  # before the mail: two loops on one database send one
        if not replies.turn_digest(connection, mode=mode, last=last_at, to=now):
            return None
    subject, text = digest_subject(digest), digest_text(digest, limit=clock.limit)
    try:
        mail_own_people(house, [Words(to, subject, text) for to in people], sandbox=sandbox)
    except NurtureError:
        with house.store.write() as connection:
            replies.turn_digest(connection, mode=mode, last=now, to=last_at)
        raise
    with house.store.write() as connection:
        overdue, soon = ([each.reply.id for each in group] for group in (digest.overdue, digest.soon))
        replies.told(connection, warned=[*soon, *overdue], overdue=overdue, now=now)
    return digest


def _people(house: House, settings: Settings) -> tuple[str, ...]:
    """Who is told: never an address whose mail comes back to us as a reader's, nor one that must not be mailed."""
    staff, named = settings.staff, settings.replies.tell
    chosen = [staff[name].address for name in named] or [person.address for person in staff.values()]
    own = Ourselves.of(settings).addresses
    found = dict.fromkeys(address for address in chosen if address is not None and address.lower() not in own)
    suppressed = suppressed_addresses(house.store, house.workspace, tuple(found))
    free = [address for address in found if address not in suppressed]
    return tuple(free if named else free[:1])


def _somebody_to_tell(house: House, people: tuple[str, ...], digest: Digest, now: datetime) -> bool:
    with house.store.write() as connection:
        if people:
            alerts.resolve_alert(connection, AlertKind.REPLIES_UNTOLD, _ALERT, now)
            return True
        words = (
            f"{digest_subject(digest)} (nurture replies), and nobody can be told by mail: give somebody under `staff` "
            "an `address` that is not the one at which answers arrive"
        )
        alerts.raise_alert(connection, AlertKind.REPLIES_UNTOLD, _ALERT, words, now)
    return False
