"""For whom the mails of a test are composed: somebody made up for each category, or one real contact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nurture.composing.edition import EditionContent, prepare_edition
from nurture.composing.recipient import recipient_values
from nurture.composing.samples import sample_values
from nurture.composing.trial import trial_values
from nurture.planning.gates import Facts
from nurture.planning.occurrences import NOMINAL_FORMAT
from nurture.planning.selection import Selection, categories_named
from nurture.service.house import House
from nurture.service.preview import edition_now, newest, reader_of
from nurture.store import Connection
from nurture.store.contacts import categories_of
from nurture.store.readers import Reader
from nurture.vocabulary import Category

_ALL_CONSENTS = -1  # as bits


@dataclass(frozen=True, slots=True)
class StandIn:
    """A reader whose mail goes to somebody else. ``values`` as `recipient_values` makes them."""

    variant: Category
    values: Mapping[str, Any]
    news_ids: tuple[str, ...]


def content_and_readers(
    house: House, campaign: str, *, reader: str | None
) -> tuple[EditionContent, tuple[StandIn, ...]]:
    """The edition that would be made now, as a test, and who its mails are composed for.

    ``reader`` is a contact's address; without it nobody's data are used. Raises what `preview` raises.
    """
    workspace = house.workspace
    with house.store.read() as connection:
        selection, items = edition_now(house, connection, campaign)
        if reader is None:
            found = [
                StandIn(category, sample_values(category), news or newest(items, selection))
                for category, news in _variants(connection, selection, house)
            ]
        else:
            person, planned = reader_of(connection, selection, reader, campaign)
            found = [StandIn(planned.variant, recipient_values(person), planned.news or newest(items, selection))]
    occurrence = house.clock.now().astimezone(workspace.settings.zone).strftime(NOMINAL_FORMAT)
    content = prepare_edition(workspace, campaign, news=items, occurrence=occurrence)
    return replace(content, shared=trial_values(content.shared), targets=()), tuple(found)


def _variants(connection: Connection, selection: Selection, house: House) -> list[tuple[Category, tuple[str, ...]]]:
    """The categories that the campaign names, else those of the people it is for; with a new reader's news."""
    named = categories_named(selection.campaign.to, house.workspace.segments)
    meant = named or categories_of(connection, selection.where) or {Category.PRIVATE_BUSINESS}
    readers = [
        Reader(0, 0, None, None, None, category, _ALL_CONSENTS, 0)  # nothing but the category speaks for or against
        for category in Category
        if category in meant
    ]
    return [(planned.variant, planned.news) for each in readers for planned in selection.choose([each], Facts())]
