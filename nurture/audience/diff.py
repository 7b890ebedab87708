"""What one row would change. Pure: a candidate and what is known go in, a decision comes out.

A row finds its contact by external id, else by address and name. An import
adds: it takes no category, consent or value away unless told to, and never
lifts a suppression.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from nurture.audience.candidates import Candidate, GivenConsent
from nurture.store.consents import ConsentRow
from nurture.store.contacts import PersonRow
from nurture.store.organizations import name_key
from nurture.vocabulary import Category

_NOTHING: Final[Mapping[Any, Any]] = MappingProxyType({})
_NOT_IN_NAMES: Final = re.compile(r"[\W_]+")  # accents too, once they stand alone


class RowKind(StrEnum):
    """What becomes of a row."""

    NEW = "new"  # a new contact
    CHANGED = "changed"  # a known contact gets new values
    UNCHANGED = "unchanged"  # all is there already
    CONFLICT = "conflict"  # the address or number stands under somebody else
    DUPLICATE = "duplicate"  # an earlier row of the file is the same person
    REJECTED = "rejected"  # cannot be written: see the reason


@dataclass(frozen=True, slots=True)
class ImportRules:
    """How far an import may go."""

    household: bool = False  # people may share an address
    clear_empty: bool = False  # an empty cell clears the value
    replace_tags: bool = False  # tags that the row does not have are taken away
    imported_from: str | None = None  # the saved import's name


class Known(NamedTuple):
    """What the store and the file's earlier rows know about a row's person."""

    by_external_id: PersonRow | None = None
    by_address: tuple[PersonRow, ...] = ()
    consents: Mapping[int, tuple[ConsentRow, ...]] = _NOTHING
    taken: Mapping[int, int] = _NOTHING  # contact id to the file's row that is this contact
    household: int = 0  # the next free number among those who share the address
    erased: bool = False  # the address was erased on request


class Decision(NamedTuple):
    """What to do with a row. ``columns`` are new values of the contact's columns."""

    kind: RowKind
    row: int
    reason: str = ""
    contact_id: int | None = None
    columns: Mapping[str, Any] = _NOTHING
    add_categories: frozenset[Category] = frozenset()
    add_tags: frozenset[str] = frozenset()
    remove_tags: frozenset[str] = frozenset()
    consent: GivenConsent | None = None
    organization: str | None = None  # name key, where it is new to the contact
    old_address_hash: str | None = None  # where the address changes
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> tuple[str, ...]:
        """The names of what changes, no values."""
        names = [name for name in self.columns if name != "household"]
        names += ["category"] if self.add_categories else []
        names += ["tags"] if self.add_tags or self.remove_tags else []
        names += ["consent"] if self.consent else []
        names += ["organization"] if self.organization else []
        return tuple(names)


def decide(candidate: Candidate, known: Known, rules: ImportRules) -> Decision:
    """The decision for one row; first who it is, then what changes."""
    if known.erased:
        return _refuse(candidate, RowKind.REJECTED, "this address was erased at the person's request")
    person, conflict = _find(candidate, known)
    if person is not None and person.id in known.taken:
        return _refuse(candidate, RowKind.CONFLICT, f"row {known.taken[person.id]} is the same contact already")
    if conflict and not rules.household:
        return _refuse(candidate, RowKind.CONFLICT, f"{conflict}; if both are right, import with --household")
    categories = candidate.categories | (person.categories if person else frozenset())
    if candidate.sensitive and Category.PAST_PATIENT in categories:
        columns = ", ".join(candidate.sensitive)
        return _refuse(candidate, RowKind.REJECTED, f"past patients must not have {columns} (imports.allow_columns)")
    if person is None:
        return _new(candidate, known, rules)
    return _change(candidate, person, known, rules)


def _find(candidate: Candidate, known: Known) -> tuple[PersonRow | None, str]:
    """The contact that the row is about, and why it could be somebody else's address."""
    if known.by_external_id is not None:
        person = known.by_external_id
        others = [other for other in known.by_address if other.id != person.id]
        moves = person.address_key != candidate.address.key
        return person, f"the address belongs to {_name(others[0])} too" if moves and others else ""
    same = [person for person in known.by_address if _same_person(candidate, person)]
    if same:
        exact = [person for person in same if _names(person) == candidate_names(candidate)]
        return (exact or same)[0], ""
    if known.by_address:
        return None, f"the address stands under {_name(known.by_address[0])}"
    return None, ""


def _same_person(candidate: Candidate, person: PersonRow) -> bool:
    external_id = candidate.values.get("external_id")
    if external_id is not None and person.external_id not in (None, external_id):
        return False
    return names_agree(candidate_names(candidate), _names(person))


def names_agree(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether two (first, last) names may be one person: missing parts and initials agree with all that fits."""
    return _part_agrees(one[0], other[0], initials=True) and _part_agrees(one[1], other[1], initials=False)


def _part_agrees(one: str, other: str, *, initials: bool) -> bool:
    if not one or not other or one == other:
        return True
    return initials and (one == other[:1] or other == one[:1])


def candidate_names(candidate: Candidate) -> tuple[str, str]:
    """First and last name folded for comparing; empty where missing."""
    return fold_name(candidate.values.get("first_name")), fold_name(candidate.values.get("last_name"))


def _names(person: PersonRow) -> tuple[str, str]:
    return fold_name(person.first_name), fold_name(person.last_name)


@lru_cache(maxsize=16_384)
def fold_name(name: str | None) -> str:
    """A name without case, accents, blanks and punctuation."""
    if not name:
        return ""
    if name.isascii() and name.isalpha():
        return name.lower()
    folded = name if name.isascii() else unicodedata.normalize("NFKD", name)
    return _NOT_IN_NAMES.sub("", folded.casefold())


def _name(person: PersonRow) -> str:
    return person.full_name or f"contact {person.id}"


def _new(candidate: Candidate, known: Known, rules: ImportRules) -> Decision:
    columns: dict[str, Any] = dict(candidate.values)
    columns["attributes"] = dict(candidate.attributes)
    columns["household"] = known.household
    columns["imported_from"] = rules.imported_from
    return Decision(
        RowKind.NEW,
        candidate.row,
        columns=columns,
        add_categories=candidate.categories,
        add_tags=candidate.tags,
        consent=candidate.consent,
        organization=None if candidate.organization is None else name_key(candidate.organization["name"]),
        warnings=candidate.warnings,
    )


def _change(candidate: Candidate, person: PersonRow, known: Known, rules: ImportRules) -> Decision:
    columns = _changed_columns(candidate, person, rules)
    warnings = list(candidate.warnings)
    moves = person.address_key != candidate.address.key
    if moves:
        columns["address"] = candidate.address.text
        columns["household"] = known.household
    if rules.imported_from is not None and person.imported_from != rules.imported_from:
        columns["imported_from"] = rules.imported_from
    if person.archived_at is not None:
        warnings.append("the contact is archived and stays so")
    has_tags = "tags" not in candidate.emptied or rules.clear_empty
    organization = None if candidate.organization is None else name_key(candidate.organization["name"])
    if organization is not None and person.organization and person.organization.name_key == organization:
        organization = None
    consent, doubt = _new_consent(candidate.consent, known.consents.get(person.id, ()))
    warnings += [doubt] if doubt else []
    decision = Decision(
        RowKind.CHANGED,
        candidate.row,
        contact_id=person.id,
        columns=columns,
        add_categories=candidate.categories - person.categories,
        add_tags=candidate.tags - set(person.tags),
        remove_tags=frozenset(person.tags) - candidate.tags if rules.replace_tags and has_tags else frozenset(),
        consent=consent,
        organization=organization,
        old_address_hash=person.address_hash if moves else None,
        warnings=tuple(warnings),
    )
    if decision.changed or columns:
        return decision
    return Decision(RowKind.UNCHANGED, candidate.row, contact_id=person.id, warnings=tuple(warnings))


def _changed_columns(candidate: Candidate, person: PersonRow, rules: ImportRules) -> dict[str, Any]:
    columns = {
        name: value
        for name, value in candidate.values.items()
        if value != getattr(person, name) and not (name == "first_name" and _only_an_initial(value, person.first_name))
    }
    attributes = {**person.attributes, **candidate.attributes}
    if rules.clear_empty:
        for name in candidate.emptied:
            if name in attributes:
                del attributes[name]
            elif name != "tags" and getattr(person, name, None) is not None:
                columns[name] = None
    if attributes != person.attributes:
        columns["attributes"] = attributes
    return columns


def _only_an_initial(new: str, old: str | None) -> bool:
    return len(fold_name(new)) == 1 and fold_name(old)[:1] == fold_name(new)


def _new_consent(given: GivenConsent | None, recorded: tuple[ConsentRow, ...]) -> tuple[GivenConsent | None, str]:
    """The consent where it is new; one from before a withdrawal gives nothing back."""
    if given is None:
        return None, ""
    for row in recorded:
        if (row.kind, row.source, row.obtained_on) == (given.kind, given.source, given.obtained_on):
            return None, ""
        if row.withdrawn_at is not None and given.obtained_on <= row.withdrawn_at.date():
            return None, f"consent of {given.obtained_on.isoformat()} is not recorded: it was withdrawn later"
    return given, ""


def consent_row(contact_id: int, given: GivenConsent, *, recorded_at: datetime) -> ConsentRow:
    """The consent as it is kept; what the law says of its end is added by `store.consents.renew_ends`."""
    return ConsentRow(
        contact_id=contact_id,
        kind=given.kind,
        source=given.source,
        obtained_on=given.obtained_on,
        expires_on=given.until,
        withdrawn_at=None,
        recorded_at=recorded_at,
        until=given.until,
    )


def _refuse(candidate: Candidate, kind: RowKind, reason: str) -> Decision:
    return Decision(kind, candidate.row, reason=reason, warnings=candidate.warnings)
