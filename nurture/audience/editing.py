"""Adding and changing contacts by hand, by the same rules as imports."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nurture.audience import cells
from nurture.audience.address_key import load_address_key
from nurture.audience.candidates import Candidate, CandidateReader, GivenConsent
from nurture.audience.columns import CONSENT_FIELDS, Columns, check_field, is_attribute
from nurture.audience.consent import ConsentEnds
from nurture.audience.consent_ends import renew_consent_ends
from nurture.audience.contacts import find_contact
from nurture.audience.diff import ImportRules, RowKind, consent_row
from nurture.audience.import_diff import organization_changes
from nurture.audience.import_passes import ImportPass
from nurture.audience.import_plan import contact_write
from nurture.audience.import_writer import ImportWriter
from nurture.audience.moved_addresses import new_address_columns, others_at
from nurture.audience.sheet import Row
from nurture.errors import InputError
from nurture.store import Connection, Store, contact_changes
from nurture.store.consents import consents_of, record_consents, withdraw_consents
from nurture.store.contacts import PersonRow, people_by_id
from nurture.store.organizations import add_organizations, change_organization, name_key, organizations_by_name
from nurture.vocabulary import Category, EventKind
from nurture.workspace.workspace import Workspace

SOURCE = "cli"


@dataclass(frozen=True, slots=True)
class Edit:
    """What to change. ``values`` is field to text; an empty text clears the field.

    ``archived`` True archives, False brings back, None leaves as it is.
    """

    values: Mapping[str, str] | None = None
    add_categories: Collection[Category] = ()
    remove_categories: Collection[Category] = ()
    add_tags: Collection[str] = ()
    remove_tags: Collection[str] = ()
    consent: GivenConsent | None = None
    withdraw_consents: bool = False
    archived: bool | None = None
    household: bool = False


def add_contact(
    store: Store,
    workspace: Workspace,
    address: str,
    *,
    values: Mapping[str, str] | None = None,
    categories: Collection[Category] = (),
    tags: Collection[str] = (),
    consent: GivenConsent | None = None,
    household: bool = False,
    now: datetime,
) -> PersonRow:
    """Make one contact; the new row.

    ``values`` is field to text, as in an import. Raises `InputError` if a value
    does not fit, or if the address is there already (unless ``household``, for a further person).
    """
    key = load_address_key(store, workspace.root / "data")
    fields = {"address": address, **(values or {})}
    reader = _reader(workspace, fields, now, categories=categories, tags=tags, consent=consent)
    rules = ImportRules(household=household)
    with store.write() as connection:
        (decided,) = next(ImportPass(connection, reader, rules, key).chunks(_row(fields))).rows
        decision = decided.decision
        if decision.reason:
            raise InputError(f"{address}: {decision.reason}")
        if decision.kind is not RowKind.NEW:
            raise InputError(f"{address} is a contact already; change it with: nurture contacts edit {address}")
        if decision.warnings:
            raise InputError(f"{address}: {'; '.join(decision.warnings)}")
        assert decided.candidate is not None, "a row with a decision to write was readable"
        writer = ImportWriter(connection, source=SOURCE, ends=ConsentEnds.of(workspace.settings), now=now)
        organization = decided.candidate.organization
        writer.write_organizations({name_key(organization["name"]): organization} if organization else {})
        (identifier,) = writer.write([contact_write(decided)])
        return people_by_id(connection, [identifier])[identifier]


def edit_contact(store: Store, workspace: Workspace, who: str, edit: Edit, *, now: datetime) -> PersonRow:
    """Change one contact (address or id); the row as it is then.

    A new address inherits what the person decided at the old one. Raises
    `NotFoundError`, or `InputError` if a value does not fit or the new address is somebody else's.
    """
    key = load_address_key(store, workspace.root / "data")
    with store.write() as connection:
        person = find_contact(connection, who)
        if person.erased_at is not None or person.address is None:
            raise InputError(f"contact {person.id} was erased; there is nothing to change")
        fields = {"address": person.address, **(edit.values or {})}
        candidate = _candidate(_reader(workspace, fields, now), fields)
        categories = (person.categories | set(edit.add_categories)) - set(edit.remove_categories)
        if candidate.sensitive and Category.PAST_PATIENT in categories:
            raise InputError(f"past patients must not have {', '.join(candidate.sensitive)} (imports.allow_columns)")
        columns = _changed_columns(connection, person, candidate, fields, now)
        if candidate.address.key != person.address_key or candidate.address.text != person.address:
            columns.update(_moved(connection, person, candidate, key, household=edit.household, now=now))
        if edit.archived is not None and edit.archived != (person.archived_at is not None):
            columns["archived_at"] = now if edit.archived else None
        _write(connection, workspace, person, columns, edit, now)
        return people_by_id(connection, [person.id])[person.id]


def tag_contacts(
    store: Store, who: Collection[str], *, add: Collection[str] = (), remove: Collection[str] = (), now: datetime
) -> int:
    """Add and take tags of several contacts (addresses or ids), all or none; how many contacts."""
    added = [_tag(tag) for tag in add]
    removed = [_tag(tag) for tag in remove]
    with store.write() as connection:
        ids = [find_contact(connection, name).id for name in who]
        contact_changes.add_tags(connection, [(i, tag) for i in ids for tag in added])
        contact_changes.remove_tags(connection, [(i, tag) for i in ids for tag in removed])
        contact_changes.update_contacts(connection, {i: {} for i in ids}, now=now)
    return len(ids)


def _tag(written: str) -> str:
    found = cells.tag(written)
    if not found:
        raise InputError(f"{written!r} is no tag; write words with a-z, 0-9 and -")
    return found


def _reader(
    workspace: Workspace,
    fields: Mapping[str, str],
    now: datetime,
    *,
    categories: Collection[Category] = (),
    tags: Collection[str] = (),
    consent: GivenConsent | None = None,
) -> CandidateReader:
    for name in fields:
        if name in ("category", "tags", *CONSENT_FIELDS):
            raise InputError(f"`{name}` has an option of its own")
        check_field(name)
    if any(name.startswith("org.") for name in fields) and "organization" not in fields:
        raise InputError("to change an organization's own fields, name the organization too (organization=NAME)")
    today = workspace.settings.today(now)
    if consent is not None and consent.obtained_on > today:
        raise InputError(f"the consent's date {consent.obtained_on.isoformat()} is in the future")
    names = tuple(fields)
    return CandidateReader(
        Columns({name: place for place, name in enumerate(names)}, {name: name for name in names}, (), names),
        country=workspace.settings.clinic.address.country,
        today=today,
        allow_columns=workspace.settings.imports.allow_columns,
        categories=frozenset(categories),
        tags=frozenset(map(_tag, tags)),
        consent=consent,
        doubt_domains=False,  # who types one address has seen it
    )


def _row(fields: Mapping[str, str]) -> Iterator[Row]:
    return iter([Row(1, tuple(fields.values()))])


def _candidate(reader: CandidateReader, fields: Mapping[str, str]) -> Candidate:
    try:
        candidate = reader.read(next(_row(fields)))
    except cells.CellError as error:
        raise InputError(str(error)) from error
    if candidate.warnings:
        raise InputError("; ".join(candidate.warnings))
    return candidate


def _changed_columns(
    connection: Connection, person: PersonRow, candidate: Candidate, fields: Mapping[str, str], now: datetime
) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    attributes = dict(person.attributes)
    for name in fields:
        if is_attribute(name):
            attributes.pop(name, None)
        elif name != "address" and name != "organization" and not name.startswith("org."):
            columns[name] = candidate.values.get(name)
    attributes.update(candidate.attributes)
    if attributes != person.attributes:
        columns["attributes"] = attributes
    if "organization" in fields:
        columns["organization_id"] = _organization(connection, candidate.organization, now)
    return {name: value for name, value in columns.items() if value != getattr(person, name)}


def _organization(connection: Connection, values: Mapping[str, str] | None, now: datetime) -> int | None:
    if values is None:
        return None
    key = name_key(values["name"])
    stored = organizations_by_name(connection, [key]).get(key)
    if stored is None:
        return add_organizations(connection, [values], now=now)[key]
    changes = organization_changes(stored, values)
    if changes:
        change_organization(connection, stored.id, changes, now=now)
    return stored.id


def _moved(
    connection: Connection, person: PersonRow, candidate: Candidate, key: bytes, *, household: bool, now: datetime
) -> dict[str, Any]:
    address = candidate.address
    others = others_at(connection, person, address)
    if others and not household:
        raise InputError(f"{address.text} is the address of contact {others[0].id} too; if both are right, --household")
    return new_address_columns(connection, person, address, key, others=others, source=SOURCE, now=now)


def _write(
    connection: Connection, workspace: Workspace, person: PersonRow, columns: dict[str, Any], edit: Edit, now: datetime
) -> None:
    added, removed = [_tag(tag) for tag in edit.add_tags], [_tag(tag) for tag in edit.remove_tags]
    contact_changes.update_contacts(connection, {person.id: columns}, now=now)
    contact_changes.add_categories(connection, [(person.id, name) for name in edit.add_categories])
    contact_changes.remove_categories(connection, person.id, edit.remove_categories)
    contact_changes.add_tags(connection, [(person.id, tag) for tag in added])
    contact_changes.remove_tags(connection, [(person.id, tag) for tag in removed])
    if edit.withdraw_consents:
        withdraw_consents(connection, person.id, now)
    if edit.consent is not None:
        _record(connection, workspace, person, edit.consent, now)
    moved = columns.get("organization_id", person.organization_id)
    # its country may be another one now, and with it that of all its people
    organizations = [moved] if edit.values and "org.country" in edit.values and moved is not None else []
    ends = ConsentEnds.of(workspace.settings)
    renew_consent_ends(connection, ends, contact_ids=[person.id], organization_ids=organizations)


def _record(
    connection: Connection, workspace: Workspace, person: PersonRow, given: GivenConsent, now: datetime
) -> None:
    known = {(row.kind, row.source, row.obtained_on) for row in consents_of(connection, [person.id]).get(person.id, ())}
    if (given.kind, given.source, given.obtained_on) in known:
        raise InputError("this consent is recorded already")
    if given.obtained_on > workspace.settings.today(now):
        raise InputError(f"the consent's date {given.obtained_on.isoformat()} is in the future")
    record_consents(connection, [consent_row(person.id, given, recorded_at=now)])
    data = {"kind": given.kind, "source": given.source}
    contact_changes.record_contact_events(connection, EventKind.CONSENTED, now, [(data, [person.id])])
