"""What becomes of mails that may or may not have arrived: by hand, or by the sender's rule `on_uncertain`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from nurture.delivery.ownership import out_of_reach
from nurture.store import Store, alerts, uncertain
from nurture.store.deliveries import BY_HAND_WINDOW
from nurture.store.engine import Connection
from nurture.store.uncertain import Choice, UncertainRow
from nurture.vocabulary import AlertKind, EditionState, Mode
from nurture.workspace.settings import OnUncertain, Settings

BY_RULE = 1  # how often `resend` sends a mail again by itself; after that a person decides
RULE_PAUSE = timedelta(minutes=10)  # a mail that goes again by the rule waits so long: the server may be at it still


@dataclass(frozen=True, slots=True)
class Resent:
    """``queued`` go again; ``kept`` could not: how many for which reason."""

    queued: int
    kept: dict[str, int]


def why_not(row: UncertainRow, *, now: datetime, unreachable: Collection[str], late: bool) -> str | None:
    """Why an uncertain mail cannot go again now, in words; None: it can. Pure.

    ``unreachable`` are owners from whom no answer can come any more (`ownership.out_of_reach`).
    """
    if row.edition_state not in (EditionState.READY, EditionState.FINISHED):
        return f"the edition is {row.edition_state}"
    if row.owner is not None and row.owner not in unreachable:
        return "the worker that sent it may still get the answer; try again in 15 minutes"
    if row.expires_at < now and not late:
        return "the time of the edition is over; --late sends it all the same"
    return None


def leave(store: Store, choice: Choice, *, by: str, now: datetime) -> int:
    """Leave the chosen mails uncertain and stop asking; how many nobody had left before."""
    with store.write() as connection:
        count = uncertain.leave(connection, uncertain.find(connection, choice), now, by=by)
        tell(connection, choice.mode, now)
    return count


def resend(store: Store, choice: Choice, *, by: str, late: bool, now: datetime) -> Resent:
    """Queue the chosen mails again; readers know a second copy by its Message-ID, and some programs show one only.

    They leave in their readers' windows and pass all gates. ``late``: also if
    the edition's time is over; then they have three days.
    """
    with store.write() as connection:
        rows = uncertain.find(connection, choice)
        reasons = _reasons(connection, store, rows, now=now, late=late)
        data = {"reason": "sent again by hand", "by": by}
        going = [row for row in rows if reasons[row.id] is None]
        over = [row for row in going if row.expires_at < now]
        queued = uncertain.queue_again(connection, over, now, when=now, until=now + BY_HAND_WINDOW, data=data)
        in_time = [row for row in going if row.expires_at >= now]
        queued += uncertain.queue_again(connection, in_time, now, when=now, data=data)
        tell(connection, choice.mode, now)
    return Resent(queued, dict(Counter(words for words in reasons.values() if words is not None)))


def settle(store: Store, choice: Choice, *, arrived: bool, by: str, now: datetime) -> int:
    """Somebody found out whether the chosen mails arrived; how many were settled."""
    with store.write() as connection:
        count = uncertain.settle(connection, uncertain.find(connection, choice), now, arrived=arrived, by=by)
        tell(connection, choice.mode, now)
    return count


def follow_rules(connection: Connection, store: Store, settings: Settings, mode: Mode, now: datetime) -> int:
    """Queue again what the senders' rules say, once for each mail; how many. Then tell what is left to people."""
    choice = _by_rule(settings, mode)
    rows = uncertain.find(connection, choice) if choice else ()
    queued = 0
    if rows:
        reasons = _reasons(connection, store, rows, now=now, late=False)
        going = [row for row in rows if reasons[row.id] is None]
        data = {"reason": "on_uncertain: resend"}
        queued = uncertain.queue_again(connection, going, now, when=now + RULE_PAUSE, data=data)
    tell(connection, mode, now)
    return queued


def rules_apply(connection: Connection, store: Store, settings: Settings, mode: Mode, now: datetime) -> bool:
    """Whether `follow_rules` would queue anything."""
    choice = _by_rule(settings, mode)
    rows = uncertain.find(connection, choice) if choice else ()
    return bool(rows) and None in _reasons(connection, store, rows, now=now, late=False).values()


def tell(connection: Connection, mode: Mode, now: datetime) -> None:
    """Ask for a decision while one is needed; the words hold a count and no person."""
    count = uncertain.undecided_count(connection, mode=mode)
    if count:
        mails = "1 mail" if count == 1 else f"{count} mails"
        words = (
            f"{mails} may or may not have arrived: the mail server had the body and gave no answer; "
            "see `nurture uncertain list`"
        )
        alerts.raise_alert(connection, AlertKind.UNCERTAIN_DELIVERIES, mode, words, now)
    else:
        alerts.resolve_alert(connection, AlertKind.UNCERTAIN_DELIVERIES, mode, now)


def _by_rule(settings: Settings, mode: Mode) -> Choice | None:
    names = tuple(name for name, sender in settings.senders.items() if sender.on_uncertain is OnUncertain.RESEND)
    return Choice(mode, senders=names, undecided=True, resends_below=BY_RULE) if names else None


def _reasons(
    connection: Connection, store: Store, rows: Collection[UncertainRow], *, now: datetime, late: bool
) -> dict[int, str | None]:
    owners = sorted({row.owner for row in rows if row.owner is not None})
    unreachable = out_of_reach(connection, store, owners) if owners else ()
    return {row.id: why_not(row, now=now, unreachable=unreachable, late=late) for row in rows}
