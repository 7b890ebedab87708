"""``nurture approve`` and ``nurture hold``: a word about one edition, before it is made or while it is under way."""

from __future__ import annotations

from dataclasses import dataclass

from nurture.delivery import control
from nurture.errors import InputError, NotFoundError
from nurture.planning.approval import needs_approval
from nurture.planning.approving import first_mails, rule_of
from nurture.planning.coming import Coming, find_coming, next_coming
from nurture.reports.log import edition_id
from nurture.service.house import House
from nurture.store import Connection, campaigns, editions, meta, notices
from nurture.store.editions import EditionId, EditionRow
from nurture.vocabulary import WAITS_FOR_APPROVAL, EditionState, Mode

_UNDER_WAY = (EditionState.PLANNING, EditionState.READY)


@dataclass(frozen=True, slots=True)
class Word:
    """What a word did. ``changed`` False: it was so already. ``made``: the edition is made, else it comes."""

    edition: EditionId
    changed: bool
    made: bool


def approve(house: House, name: EditionId, *, by: str, as_it_is: bool = False) -> Word:
    """Let an edition go: one that is held, or one that comes, with the content that it has now.

    What was changed after its last notice nobody has seen, so it is refused unless ``as_it_is``. Raises
    `NotFoundError` for an edition that neither is there nor comes, `InputError` for one that is over, `ComposeError`
    and `FilesError` for one that cannot be composed.
    """
    coming = None if _find(house, name) else _coming(house, name)
    now = house.clock.now()
    with house.store.write() as connection:
        mode = meta.get_mode(connection)
        campaigns.lock_planning(connection)  # nobody makes it between the look and the word
        row = editions.find(connection, name, mode=mode)
        if row is None:
            assert coming is not None, "an edition that was made stays"
            return Word(name, _approve_coming(connection, coming, mode, by=by, house=house, as_it_is=as_it_is), False)
        if not as_it_is and _wants_a_word(connection, house, row):
            _refuse_unseen(connection, name, mode, digest=None)
    _refuse_over(row)
    first = first_mails(house.workspace.settings, mode, now)
    return Word(name, control.approve_edition(house.store, row.id, by=by, now=now, first=first), True)


def hold(house: House, name: EditionId, *, by: str) -> Word:
    """Let nothing (more) of an edition leave, also of one that comes; raises as `approve`."""
    if not _find(house, name):
        _coming(house, name)
    now = house.clock.now()
    with house.store.write() as connection:
        mode = meta.get_mode(connection)
        campaigns.lock_planning(connection)
        row = editions.find(connection, name, mode=mode)
        if row is None:
            return Word(name, notices.hold(connection, name, mode=mode, by=by, now=now), False)
    _refuse_over(row)
    return Word(name, control.hold_edition(house.store, row.id, by=by, now=now), True)


def refuse_coming(house: House, name: EditionId) -> None:
    """Raises `InputError` for an edition that comes and is not made yet, `NotFoundError` for none; to end one."""
    if not _find(house, name):
        _coming(house, name)
        raise InputError(f"{name} is not made yet; nurture hold {name} stops it before")


def _approve_coming(
    connection: Connection, coming: Coming, mode: Mode, *, by: str, house: House, as_it_is: bool
) -> bool:
    if not as_it_is:
        _refuse_unseen(connection, coming.id, mode, digest=coming.digest)
    now = house.clock.now()
    ended = notices.end_hold(connection, coming.id, mode=mode)
    if mode is not Mode.LIVE:
        return ended  # nothing waits for a word there
    due_at = coming.due.occurrence.at
    row = notices.record(connection, coming.id, mode=mode, digest=coming.digest, due_at=due_at, now=now)
    if row.approved_at is None:
        notices.approve(connection, row.id, by=by, now=now)
    return ended or row.approved_at is None


def _wants_a_word(connection: Connection, house: House, row: EditionRow) -> bool:
    """Whether nobody let it go yet though somebody must, whatever else holds it."""
    if row.approved_at is not None:
        return False
    before = row.campaign in editions.let_go_before(connection, mode=row.mode)
    return row.held_because == WAITS_FOR_APPROVAL or needs_approval(
        rule_of(house.workspace, row.campaign), mode=row.mode, let_go_before=before
    )


def _refuse_unseen(connection: Connection, name: EditionId, mode: Mode, *, digest: str | None) -> None:
    """``digest`` None: the content in force, which the edition keeps."""
    known = notices.of_edition(connection, name, mode=mode)
    seen = [row for row in known if row.taken_by]
    in_force = digest or (known[-1].digest if known else None)
    if seen and in_force not in [row.digest for row in seen]:
        raise InputError(
            f"{name} was changed after its last notice, so nobody has seen it as it is now; another notice follows "
            f"within minutes, and `nurture notice {name.campaign}` shows it at once. Approve it then, or say --as-it-is"
        )


def _find(house: House, name: EditionId) -> EditionRow | None:
    with house.store.read() as connection:
        return editions.find(connection, name, mode=meta.get_mode(connection))


def _coming(house: House, name: EditionId) -> Coming:
    house.workspace.campaign(name.campaign)
    now = house.clock.now()
    coming = find_coming(house.store, house.workspace, name, now=now, snapshot=house.snapshot)
    if coming is None:
        due = next_coming(house.store, house.workspace, name.campaign, now=now)
        if due is not None:
            raise NotFoundError(
                f"there is no edition {name}, and none of this name comes; the next of {name.campaign} is "
                f"{EditionId(name.campaign, due.key)}"
            )
        with house.store.read() as connection:
            edition_id(connection, str(name), mode=meta.get_mode(connection))  # says which there are
        raise NotFoundError(f"there is no edition {name}, and none of this name comes")
    return coming


def _refuse_over(row: EditionRow) -> None:
    if row.state not in _UNDER_WAY:
        raise InputError(f"{row.public_id} is {row.state}; nothing of it leaves any more")
