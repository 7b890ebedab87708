"""Looking at contacts: find, list, show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nurture.audience.segments import EVERYBODY, Expression, compile_condition
from nurture.errors import InputError, NotFoundError
from nurture.store import Connection, log, meta
from nurture.store.consents import ConsentRow, consents_of
from nurture.store.contacts import PersonRow, people_by_address, people_by_id, stream_people
from nurture.store.log_pages import Filter
from nurture.store.suppressions import SuppressionRow, suppressions_of
from nurture.vocabulary import Category
from nurture.workspace.conditions import All, Any_, Compare, Condition, Operator, SegmentReference
from nurture.workspace.workspace import Workspace

_SEARCHED = ("address", "first_name", "last_name", "org.name")


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts: all that is given must hold. ``text`` is looked for in address, names and organization."""

    text: str | None = None
    category: Category | None = None
    tag: str | None = None
    organization: str | None = None
    segment: str | None = None
    archived: bool = False

    def condition(self) -> Condition | None:
        """The same as a condition, None for everybody."""
        items: list[Condition] = []
        if self.text:
            items.append(Any_(tuple(Compare(name, Operator.CONTAINS, self.text) for name in _SEARCHED)))
        if self.category:
            items.append(Compare("category", Operator.IS, self.category))
        if self.tag:
            items.append(Compare("tag", Operator.IS, self.tag))
        if self.organization:
            items.append(Compare("org.name", Operator.CONTAINS, self.organization))
        if self.segment:
            items.append(SegmentReference(self.segment))
        return All(tuple(items)) if items else None


@dataclass(frozen=True, slots=True)
class ContactCard:
    """All that is known of one contact; ``deliveries`` are the latest in the current mode."""

    person: PersonRow
    consents: tuple[ConsentRow, ...]
    suppressions: tuple[SuppressionRow, ...]
    deliveries: tuple[log.DeliveryRow, ...]


def contacts_where(connection: Connection, workspace: Workspace, which: ContactFilter, *, now: datetime) -> Expression:
    """The filter as an expression; raises `NotFoundError` for an unknown segment."""
    condition = which.condition()
    if condition is None:
        return EVERYBODY
    today = workspace.settings.today(now)
    mode = meta.get_mode(connection)
    return compile_condition(condition, segments=workspace.segments, today=today, now=now, mode=mode)


def list_contacts(
    connection: Connection,
    workspace: Workspace,
    which: ContactFilter,
    *,
    now: datetime,
    after_id: int = 0,
    limit: int | None = 50,
) -> tuple[PersonRow, ...]:
    """A page of contacts by id; the next one starts after the last id of this one."""
    where = contacts_where(connection, workspace, which, now=now)
    return tuple(stream_people(connection, where, after_id=after_id, limit=limit, archived=which.archived))


def find_contact(connection: Connection, who: str) -> PersonRow:
    """The contact with this address, or id in digits; archived ones too.

    Raises `NotFoundError` if there is none, `InputError` if several share the address.
    """
    if who.isascii() and who.isdigit():
        person = people_by_id(connection, [int(who)]).get(int(who)) if len(who) < 19 else None
        if person is None:
            raise NotFoundError(f"there is no contact {who}")
        return person
    found = list(people_by_address(connection, [who.strip().casefold()]).values())
    if not found:
        raise NotFoundError(f"there is no contact {who}; look with: nurture contacts list --search TEXT")
    if len(found) > 1:
        people = "; ".join(
            f"{person.id} {person.first_name or ''} {person.last_name or ''}".strip() for person in found
        )
        raise InputError(f"{len(found)} people share {who}; say which by number: {people}")
    return found[0]


def show_contact(connection: Connection, who: str, *, deliveries: int = 10) -> ContactCard:
    """The contact with consents, suppressions and its latest deliveries; errors as `find_contact`."""
    person = find_contact(connection, who)
    which = Filter(mode=meta.get_mode(connection), contact_ids=(person.id,))
    return ContactCard(
        person=person,
        consents=consents_of(connection, [person.id]).get(person.id, ()),
        suppressions=suppressions_of(connection, [person]).get(person.id, ()),
        deliveries=log.page(connection, which, limit=deliveries),
    )
