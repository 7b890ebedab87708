"""Addresses that do not work any more, and what machines said of their owners."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.audience.editing import Edit, edit_contact
from nurture.errors import InputError, NotFoundError
from nurture.store import Store, feedback
from nurture.store.contacts import PersonRow, people_by_id
from nurture.store.feedback import DeadAddress, Proposal
from nurture.vocabulary import ProposalKind
from nurture.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Proposed:
    """A proposal with the contact that it is about; ``elsewhere``: the new address is at another domain."""

    proposal: Proposal
    person: PersonRow
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Repairs:
    """What somebody could mend: by telephone, or by a yes to what a machine said."""

    dead: tuple[DeadAddress, ...]
    proposed: tuple[Proposed, ...]


def repairs(store: Store) -> Repairs:
    """All that waits for somebody."""
    with store.read() as connection:
        dead = feedback.dead_addresses(connection)
        proposals = feedback.open_proposals(connection)
        people = people_by_id(connection, [each.contact_id for each in proposals])
    proposed = (
        Proposed(each, person, elsewhere=_elsewhere(each, person))
        for each in proposals
        if (person := people.get(each.contact_id)) is not None and person.erased_at is None
    )
    return Repairs(dead, tuple(proposed))


def _elsewhere(proposal: Proposal, person: PersonRow) -> bool:
    if proposal.new_address is None:
        return False
    return proposal.new_address.rpartition("@")[2].casefold() != (person.domain or "")


def accept(store: Store, workspace: Workspace, number: int, *, now: datetime) -> PersonRow:
    """Do what a proposal says: a new address, or the contact is archived; the contact as it is then.

    Raises `NotFoundError` without such an open proposal, and `InputError` if the new address does not fit.
    """
    proposal = _open(store, number)
    if proposal.kind is ProposalKind.MOVED:
        if proposal.new_address is None:
            raise InputError(
                f"the answer named no new address; write it yourself: nurture contacts edit {proposal.contact_id} "
                "--set address=…, then nurture contacts repair --decline"
            )
        edit = Edit(values={"address": proposal.new_address})
    else:
        edit = Edit(archived=True)
    person = edit_contact(store, workspace, str(proposal.contact_id), edit, now=now)
    with store.write() as connection:
        feedback.decide_proposal(connection, number, accepted=True, now=now)
    return person


def decline(store: Store, number: int, *, now: datetime) -> None:
    """Forget a proposal; the contact stays as it is. Raises `NotFoundError` without such an open one."""
    _open(store, number)
    with store.write() as connection:
        feedback.decide_proposal(connection, number, accepted=False, now=now)


def _open(store: Store, number: int) -> Proposal:
    with store.read() as connection:
        found = next((each for each in feedback.open_proposals(connection) if each.id == number), None)
    if found is None:
        raise NotFoundError(f"there is no open proposal {number}; nurture contacts repair lists them")
    return found
