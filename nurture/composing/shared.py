"""The template values that all mails of an edition share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from nurture.composing.headers import mailto
from nurture.composing.tracking import TrackingRules
from nurture.workspace.campaign import Campaign
from nurture.workspace.hours import DAYS, OpeningHours, clock
from nurture.workspace.settings import Clinic, Person, Settings


@dataclass(frozen=True, slots=True)
class PageAddress:
    """The readers' pages: their address without a last slash, and the id of the key that signs their links.

    Without an address only the mail by which a reader leaves is signed. Without a key the links are inert, as in
    previews. ``tracking`` says of whom opens and clicks may be noted; None: of nobody, and the links in the mails'
    words stay as they are. ``verp``: each mail has a return path of its own.
    """

    url: str | None
    key: str = ""
    tracking: TrackingRules | None = None
    verp: bool = False


def shared_values(
    settings: Settings, name: str, campaign: Campaign, *, day: str | None, occurrence: str, pages: PageAddress | None
) -> dict[str, Any]:
    """``clinic``, ``brand``, ``sender``, ``signer``, ``values``, ``campaign``, ``edition``, ``links``, ``staff``.

    JSON values only; what is empty is absent, so that ``default`` applies. ``brand.logo`` is not set here.
    No template sees ``pages``, which is there where mails have links of their own for their readers, and ``owners``,
    which is there for a campaign in the name of each organization's owner.
    """
    sender = settings.senders[campaign.sender or settings.default_sender]
    reply_to = sender.reply_to or sender.address
    brand = settings.brand
    shared: dict[str, Any] = {
        "clinic": _clinic(settings.clinic),
        "brand": _filled(
            primary=brand.primary,
            accent=brand.accent,
            text=brand.text,
            background=brand.background,
            tagline=brand.tagline,
        ),
        "sender": {"name": sender.name, "address": sender.address, "reply_to": reply_to},
        "values": without_empty(campaign.values),
        "campaign": {
            "name": name,
            "topic": campaign.topic,
            "kind": campaign.kind.value,
            "intent": campaign.intent.value,
            "language": campaign.language,
        },
        "edition": _filled(date=day, key=occurrence),
        "links": {"unsubscribe": mailto(reply_to, subject="STOP")},
        "staff": {key: _person(person) for key, person in settings.staff.items()},
    }
    if pages is not None:
        shared["pages"] = {"url": pages.url, "key": pages.key, "verp": pages.verp}
        if pages.tracking is not None:
            shared["pages"]["tracking"] = asdict(pages.tracking)
    if sender.signer and sender.signer in settings.staff:
        shared["signer"] = _person(settings.staff[sender.signer])
    if campaign.from_owner:
        shared["owners"] = {key: _owner(person) for key, person in settings.staff.items()}
    return shared


def without_empty(value: Any) -> Any:  # noqa: ANN401 - JSON
    """``value`` without nulls and empty texts in its mappings; they count as missing."""
    if isinstance(value, Mapping):
        return {str(key): without_empty(part) for key, part in value.items() if part not in (None, "")}
    if isinstance(value, (list, tuple)):
        return [without_empty(part) for part in value if part is not None]
    return value


def hours_in_words(hours: OpeningHours) -> str:
    """``Mon–Thu 07:30–18:30, Fri 07:30–16:00``."""
    words = []
    for spans, group in groupby(range(7), key=hours.on):
        days = list(group)
        if spans:
            first, last = (DAYS[day].capitalize() for day in (days[0], days[-1]))
            times = " and ".join(f"{clock(start)}–{clock(end)}" for start, end in spans)
            words.append(f"{first if first == last else f'{first}–{last}'} {times}")
    return ", ".join(words)


def _clinic(clinic: Clinic) -> dict[str, Any]:
    address = clinic.address
    return {
        "name": clinic.name,
        "phone": clinic.phone,
        "site": clinic.site,
        "hours": hours_in_words(clinic.hours),
        "address": _filled(
            street=address.street,
            city=address.city,
            region=address.region,
            postal_code=address.postal_code,
            country=address.country,
            line=address.line,
        ),
    }


def _person(person: Person) -> dict[str, Any]:
    return _filled(name=person.name, role=person.role, phone=person.phone)


def _owner(person: Person) -> dict[str, Any]:
    """A person as the writer of a mail; ``photo`` is the path of an image."""
    more = _filled(address=person.address, photo=person.photo)
    lines = {"signature": person.signature.splitlines()} if person.signature else {}
    return {**_person(person), **more, **lines}


def _filled(**values: str | None) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value}
