"""``nurture preview``: the exact mail that one person would get from a campaign now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from nurture.composing.edition import prepare_edition
from nurture.composing.headers import new_message_id
from nurture.composing.message import ComposedMessage, Composer
from nurture.composing.recipient import Recipient, recipient_values
from nurture.errors import InputError, NotFoundError
from nurture.news.catalogue import all_news
from nurture.news.item import NewsItem
from nurture.planning.occurrences import NOMINAL_FORMAT
from nurture.planning.selection import Selection, items_for
from nurture.service.house import House, page_address
from nurture.store import Connection, meta
from nurture.store.contacts import PersonRow, people_by_address, people_by_id
from nurture.store.plan_pages import PlannedDelivery
from nurture.vocabulary import SkipReason


@dataclass(frozen=True, slots=True)
class Preview:
    """The mail, as bytes and as a page for a browser; ``left_out`` says why the person would not get it."""

    campaign: str
    address: str
    message: ComposedMessage
    page: str
    left_out: SkipReason | None


def preview(house: House, campaign: str, *, address: str | None = None) -> Preview:
    """Compose the mail of ``campaign`` for the contact with ``address``, else for the first who would get it.

    Raises `NotFoundError` for an unknown campaign or address, `InputError` when
    nobody matches or there is no news to show, `ComposeError` when the mail
    cannot be composed. Writes nothing to the database.
    """
    workspace = house.workspace
    now, zone = house.clock.now(), workspace.settings.zone
    with house.store.read() as connection:
        selection, items = edition_now(house, connection, campaign)
        person, planned = reader_of(connection, selection, address, campaign)
    content = prepare_edition(
        workspace,
        campaign,
        news=items,
        occurrence=now.astimezone(zone).strftime(NOMINAL_FORMAT),
        pages=page_address(workspace.settings, selection.mode),
    )
    composer = Composer(content)
    message = composer.compose(
        Recipient(
            delivery_id=0,
            message_id=new_message_id(content.shared["sender"]["address"]),
            date=now,
            address=person.address or "",
            variant=planned.variant,
            values=recipient_values(person),
            # who has seen everything, or may not be written to, still gets something to look at
            news_ids=planned.news or newest(items, selection),
        )
    )
    return Preview(campaign, person.address or "", message, composer.browser_html(message), planned.reason)


def edition_now(house: House, connection: Connection, campaign: str) -> tuple[Selection, tuple[NewsItem, ...]]:
    """The edition that would be made now: its rules, and the news that it may carry.

    Raises `NotFoundError` for an unknown campaign, `InputError` where it shall carry news and there is none.
    """
    workspace = house.workspace
    found = workspace.campaign(campaign)
    now = house.clock.now()
    items = items_for(found, all_news(connection, workspace), at=now, zone=workspace.settings.zone)
    if found.content.news is not None and not items:
        raise InputError(f"{campaign} has no news to carry now; `nurture news` shows what there is")
    mode = meta.get_mode(connection)
    return Selection(workspace, campaign, mode=mode, at=now, now=now, items=items), items


def newest(items: Sequence[NewsItem], selection: Selection) -> tuple[str, ...]:
    """As many items as one mail carries, whoever has seen them."""
    query = selection.campaign.content.news
    return tuple(item.id for item in items[: query.max if query else 0])


def reader_of(
    connection: Connection, selection: Selection, address: str | None, campaign: str
) -> tuple[PersonRow, PlannedDelivery]:
    """The contact with ``address``, else the first who would get the mail, and what is planned for that person."""
    if address is not None:
        people = list(people_by_address(connection, [address.strip().casefold()]).values())
        if not people:
            raise NotFoundError(
                f"there is no contact with the address {address}; `nurture contacts list` shows them all"
            )
        return people[0], _planned(connection, selection, [people[0].id])[0][1]
    first: tuple[int, PlannedDelivery] | None = None
    for page in selection.pages(lambda: nullcontext(connection)):
        rows = _planned(connection, selection, page)
        first = next((row for row in rows if row[1].reason is None), first or rows[0])
        if first[1].reason is None:
            break
    if first is None:
        raise InputError(f"nobody matches the `to:` of {campaign}; see `nurture segments show {campaign}`")
    return people_by_id(connection, [first[0]])[first[0]], first[1]


def _planned(connection: Connection, selection: Selection, ids: Sequence[int]) -> list[tuple[int, PlannedDelivery]]:
    readers = selection.readers(connection, ids, archived=True)
    planned = selection.choose(readers, selection.facts(connection, readers, edition_id=None))
    return list(zip([reader.id for reader in readers], planned, strict=True))
