"""Accounts that balance: every planned mail is sent, or we can say where it is (DESIGN 1).

planned = sent + failed + skipped + canceled + expired + uncertain + waiting.
``planned`` is the number that was stored when the edition was planned, ``sent``
counts deliveries with a recorded 2xx answer, the rest the rows' states: three
witnesses, so damage to one shows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from nurture.reports.log import edition_id
from nurture.store import Store
from nurture.store import accounts as store_accounts
from nurture.store.accounts import DeliveryGroup, EditionRow, MailBounds
from nurture.vocabulary import WAITING_STATES, DeliveryState, EditionState, Mode


@dataclass(frozen=True, slots=True)
class EditionAccount:
    """One edition's mails, each counted once. ``problems`` are in words; none means it balances.

    ``held``: what waits does not leave before somebody, or what held it, lets it go.
    """

    edition: str
    campaign: str
    state: str
    reason: str | None
    due_at: datetime
    planned: int | None
    sent: int
    failed: int
    skipped: int
    canceled: int
    expired: int
    uncertain: int
    waiting: int
    problems: tuple[str, ...]
    held: bool = False

    @property
    def balanced(self) -> bool:
        """Whether every planned mail is where it should be."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Accounts:
    """All editions, the latest first; ``problems`` are those that belong to no edition.

    ``mails`` is the number of mails found in the sandbox, None if it was not counted.
    """

    mode: Mode
    editions: tuple[EditionAccount, ...]
    mails: int | None
    problems: tuple[str, ...]

    @property
    def balanced(self) -> bool:
        """Whether all editions balance and nothing is left over."""
        return not self.problems and all(edition.balanced for edition in self.editions)


def accounts(
    store: Store, *, mode: Mode, edition: str | None = None, maildir_ids: Callable[[], Iterable[str]] | None = None
) -> Accounts:
    """Count every mail of all editions, or of one (``CAMPAIGN@OCCURRENCE``).

    ``maildir_ids`` gives the Message-ID of each mail in the sandbox; a mail that
    is there twice comes twice. Mail that is under way while we count is no
    problem. Raises `NotFoundError` for an unknown edition.
    """
    with store.read() as connection:
        which = None if edition is None else edition_id(connection, edition, mode=mode)
        rows = store_accounts.editions(connection, mode=mode, edition_id=which)
        groups = store_accounts.delivery_groups(connection, mode=mode, edition_id=which)
        # before the mails are counted: what is accepted by now must be there
        before = list(store_accounts.mail_bounds(connection, mode=mode, edition_id=which)) if maildir_ids else []
    mails = None if maildir_ids is None else Counter(identifier.strip("<> ") for identifier in maildir_ids())
    mail_problems: dict[int, list[str]] = {}
    strays: tuple[str, ...] = ()
    if mails is not None:
        with store.read() as connection:
            # after: what is there by now must have been tried
            after = store_accounts.mail_bounds(connection, mode=mode, edition_id=which)
            mail_problems, strays = compare_mails(mails, before, after, everything=which is None)
    return Accounts(
        mode=mode,
        editions=tuple(
            account(row, [group for group in groups if group.edition_id == row.id], mail_problems.get(row.id, ()))
            for row in rows
        ),
        mails=None if mails is None else mails.total(),
        problems=strays,
    )


def account(edition: EditionRow, groups: Sequence[DeliveryGroup], more_problems: Iterable[str] = ()) -> EditionAccount:
    """One edition's account from its counted rows. Pure."""
    states: Counter[str] = Counter()
    # a row with an answer counts as sent, whatever its state says; a row called
    # sent without one counts nowhere, so that the sum shows it too
    for group in groups:
        if group.accepts == 0:
            states[group.state] += group.count
    sent = sum(group.count for group in groups if group.accepts > 0)
    waiting = sum(states[state] for state in WAITING_STATES)
    total = sent + waiting + sum(states[state] for state in _SETTLED_BUT_SENT)
    return EditionAccount(
        edition=f"{edition.campaign}@{edition.occurrence}",
        campaign=edition.campaign,
        state=edition.state,
        reason=edition.reason,
        due_at=edition.due_at,
        planned=edition.planned,
        sent=sent,
        failed=states[DeliveryState.FAILED],
        skipped=states[DeliveryState.SKIPPED],
        canceled=states[DeliveryState.CANCELED],
        expired=states[DeliveryState.EXPIRED],
        uncertain=states[DeliveryState.UNCERTAIN],
        waiting=waiting,
        problems=(*_edition_problems(edition, total, waiting), *_row_problems(groups), *more_problems),
        held=edition.held,
    )


_SETTLED_BUT_SENT = (
    DeliveryState.FAILED,
    DeliveryState.SKIPPED,
    DeliveryState.CANCELED,
    DeliveryState.EXPIRED,
    DeliveryState.UNCERTAIN,
)


def _edition_problems(edition: EditionRow, total: int, waiting: int) -> Iterable[str]:
    if edition.state not in set(EditionState):
        yield f"the edition has the unknown state `{edition.state}`"
    if edition.state == EditionState.PLANNING:
        return  # its rows are still being written
    if edition.planned is None and total:
        yield f"{total} deliveries are there, but the planned number was never stored"
    elif edition.planned is not None and edition.planned != total:
        yield f"{edition.planned} were planned, but {total} are accounted for"
    if edition.state == EditionState.FINISHED and waiting:
        yield f"the edition is finished, but {_deliveries(waiting)} still waiting"


def _row_problems(groups: Sequence[DeliveryGroup]) -> Iterable[str]:
    for group in groups:
        which = f"{_deliveries(group.count)} {{}} (the first is {group.first_id})"
        if group.state not in set(DeliveryState):
            yield which.format(f"in the unknown state `{group.state}`")
        if group.state == DeliveryState.SENT and group.accepts == 0:
            yield which.format("called sent, but no server answered 2xx")
        if group.state != DeliveryState.SENT and group.accepts > 0 and not _goes_again(group):
            yield which.format(f"called {group.state}, but a server answered 2xx")
        if group.accepts > 1 + group.resends:
            yield which.format(f"accepted {group.accepts} times")
        if group.misfiled:
            yield which.format("marked with another mode or campaign than the edition's")
        if group.unexplained:
            yield which.format("skipped without a reason")
        if group.nameless:
            yield which.format("called sent, but without a Message-ID")


def _goes_again(group: DeliveryGroup) -> bool:
    """A late yes to a mail that was on its way once more: the end of that try will say so."""
    return group.state == DeliveryState.SENDING and group.resends > 0


def _deliveries(count: int) -> str:
    return "1 delivery is" if count == 1 else f"{count} deliveries are"


def compare_mails(
    mails: Counter[str], before: Iterable[MailBounds], after: Iterable[MailBounds], *, everything: bool
) -> tuple[dict[int, list[str]], tuple[str, ...]]:
    """The sandbox's mails against the log: problems by edition id, and problems of no edition. Pure.

    ``before`` and ``after`` are the log's bounds before and after the mails were
    counted; ``everything`` says that they cover every mail there may be.
    """
    lost: dict[int, list[int]] = {}
    doubled: dict[int, list[int]] = {}
    known: set[str] = set()
    for bounds in before:
        if mails[bounds.message_id.strip("<>")] < bounds.accepted:
            lost.setdefault(bounds.edition_id, []).append(bounds.delivery_id)
    for bounds in after:
        identifier = bounds.message_id.strip("<>")
        known.add(identifier)
        if mails[identifier] > bounds.accepted + bounds.unanswered:
            doubled.setdefault(bounds.edition_id, []).append(bounds.delivery_id)
    problems: dict[int, list[str]] = {}
    for edition, ids in lost.items():
        problems.setdefault(edition, []).append(
            f"{_deliveries(len(ids))} accepted, but the mail is not in the sandbox (the first is {min(ids)})"
        )
    for edition, ids in doubled.items():
        problems.setdefault(edition, []).append(
            f"{_deliveries(len(ids))} in the sandbox more often than the log says (the first is {min(ids)})"
        )
    strays = sum(count for identifier, count in mails.items() if identifier not in known)
    found = f"{strays} mail{'s' if strays != 1 else ''} in the sandbox that no delivery knows"
    return problems, (found,) if strays and everything else ()
