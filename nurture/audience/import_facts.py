"""What decisions about a chunk of rows depend on in the database, and how to tell that it is the same as before."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final, NamedTuple

from nurture.store import Connection
from nurture.store.consents import ConsentRow, consents_of
from nurture.store.contacts import PersonRow, people_by_address, people_by_external_id
from nurture.store.suppressions import active_by_address
from nurture.vocabulary import SuppressionReason

# The organization's own columns are written by the import itself, and only its name decides.
_NOT_DECISIVE: Final = {"organization", "attributes", "created_at", "updated_at"}
_decisive: Final = attrgetter(*(field.name for field in fields(PersonRow) if field.name not in _NOT_DECISIVE))


class Question(NamedTuple):
    """What a chunk of rows asks: ``hashes`` is address key to address hash."""

    hashes: Mapping[str, str]
    external_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """The database's answer. ``suppressed`` is address hash to reason."""

    by_address: Mapping[str, tuple[PersonRow, ...]]
    by_external_id: Mapping[str | None, PersonRow]
    consents: Mapping[int, tuple[ConsentRow, ...]]
    suppressed: Mapping[str, SuppressionReason]

    def erased(self, address_hash: str) -> bool:
        """Whether this address was erased at the person's request."""
        return self.suppressed.get(address_hash) is SuppressionReason.ERASED

    def digest(self, taken: Container[int]) -> int:
        """Within one process, equal for equal answers and, but for a chance of 2**-64, for no others.

        ``taken`` are the contacts that the file's earlier rows are: they were
        looked at with those, and may be written already.
        """
        people = {person.id: person for person in _everybody(self.by_address, self.by_external_id)}
        seen = frozenset(
            (
                _decisive(person),
                repr(person.attributes),
                person.organization.name_key if person.organization else None,
                self.consents.get(person.id),
            )
            for person in people.values()
            if person.id not in taken
        )
        return hash((seen, frozenset(filter(self.erased, self.suppressed))))


def look_up(connection: Connection, question: Question) -> Facts:
    """Ask the database, in four queries at most."""
    by_address: dict[str, tuple[PersonRow, ...]] = {}
    for person in people_by_address(connection, list(question.hashes)).values():
        key = person.address_key or ""
        by_address[key] = (*by_address.get(key, ()), person)
    ids = question.external_ids
    by_id = {p.external_id: p for p in people_by_external_id(connection, ids).values()} if ids else {}
    people = [person.id for person in _everybody(by_address, by_id)]
    return Facts(
        by_address=by_address,
        by_external_id=by_id,
        consents=consents_of(connection, people) if people else {},
        suppressed=active_by_address(connection, list(question.hashes.values())),
    )


def _everybody(
    by_address: Mapping[str, tuple[PersonRow, ...]], by_external_id: Mapping[str | None, PersonRow]
) -> Iterable[PersonRow]:
    for people in by_address.values():
        yield from people
    yield from by_external_id.values()
