"""What a template may know about one reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from nurture.address import clean_text
from nurture.vocabulary import Category

_CONTACT = ("title", "first_name", "last_name", "role", "phone", "language", "country", "address", "discharged_on")
_ORGANIZATION = ("name", "owner", "phone", "site", "city", "region", "postal_code", "country")
# forms of address that go before a last name; anything else ("MD", "PT, DPT") does not
_TITLES = frozenset(
    [
        "dr",
        "prof",
        "professor",
        "mr",
        "mrs",
        "ms",
        "miss",
        "mx",
        "rev",
        "reverend",
        "sr",
        "coach",
        "judge",
        "sir",
        "dame",
    ]
)
_MAX_GREETING = 60
INERT_TOKEN = "preview"  # noqa: S105 - in the links of mails that go to nobody


@dataclass(frozen=True, slots=True)
class LinkTokens:
    """What ends the links of one mail (`link_tokens`).

    ``click`` is empty where links stay as they are, ``pixel`` (with its path, ``o/TOKEN``) where nothing tells us
    that the mail is read; ``bounce`` where it comes back to the sender's own address.
    """

    leave: str = INERT_TOKEN
    view: str = INERT_TOKEN
    preferences: str = INERT_TOKEN
    click: str = ""
    pixel: str = ""
    bounce: str = ""


INERT = LinkTokens()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One reader of one edition, with all that is needed to compose the same bytes again.

    ``message_id`` is under the From domain, with or without angle brackets;
    ``date`` is aware; ``values`` comes from `recipient_values`.
    """

    delivery_id: int
    message_id: str
    date: datetime
    address: str
    variant: Category
    values: Mapping[str, Any]
    news_ids: tuple[str, ...] = ()
    tokens: LinkTokens = INERT


def recipient_values(person: object) -> dict[str, Any]:
    """``{"contact": {...}, "organization": {...}}`` for templates, as JSON.

    ``person`` is a row with the contact's columns as attributes or as a mapping
    (`nurture.store.contacts.PersonRow`). Empty values are absent, so that
    ``default`` applies; ``contact.greeting``, ``tags``, ``categories`` and
    ``attributes`` are always there. ``organization`` may be empty.
    """
    contact = _present(person, _CONTACT)
    contact["greeting"] = greeting(contact.get("title"), contact.get("first_name"), contact.get("last_name"))
    contact["tags"] = sorted(map(str, _get(person, "tags") or ()))
    contact["categories"] = sorted(map(str, _get(person, "categories") or ()))
    contact["attributes"] = _attributes(person)
    found = _get(person, "organization")
    organization: dict[str, Any] = {}
    if found is not None:
        organization = _present(found, _ORGANIZATION)
        organization["attributes"] = _attributes(found)
    return {"contact": contact, "organization": organization}


def greeting(title: str | None, first_name: str | None, last_name: str | None) -> str:
    """How to call somebody: "Dr. Lee", "Maria", or "there"."""
    if title and last_name and title.split()[0].rstrip(".").lower() in _TITLES:
        name = f"{title} {last_name}"
    else:
        name = first_name or ""
    return name if 0 < len(name) <= _MAX_GREETING else "there"


def full_name(contact: Mapping[str, Any]) -> str:
    """The display name for the To field; empty where no name is known."""
    parts = (contact.get("first_name"), contact.get("last_name"))
    return " ".join(str(part) for part in parts if part)


def _get(row: object, name: str) -> Any:  # noqa: ANN401 - columns have any type
    return row.get(name) if isinstance(row, Mapping) else getattr(row, name, None)


def _present(row: object, names: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(row, Mapping):
        values = [row.get(name) for name in names]
    else:
        values = [getattr(row, name, None) for name in names]
    found = zip(names, values, strict=True)
    return {name: plain for name, value in found if value is not None and (plain := _plain(value)) != ""}


def _attributes(row: object) -> dict[str, Any]:
    found = {str(name): _plain(value) for name, value in (_get(row, "attributes") or {}).items()}
    return {name: value for name, value in found.items() if value not in (None, "", [], {})}


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    """As JSON keeps it; text on one line."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value
