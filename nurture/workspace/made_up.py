"""Values in ``nurture.yaml`` that are nobody's: from the sample clinic, or kept free for examples. Pure.

Real mail with such a telephone number or address would be unlawful (16 CFR 316.5: a valid postal address) and useless.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from nurture.workspace.settings import Settings

# RFC 2606 2 and 3, RFC 6761 6
RESERVED_DOMAINS: Final = ("example", "test", "invalid", "localhost", "example.com", "example.net", "example.org")
# 555-0100 to 555-0199 are kept for fiction in every North American area code (ATIS-0300048)
_FICTION: Final = re.compile(r"(1?\d{3})?55501\d\d")
# what the repository's own clinic and `nurture init` bring; a test holds the two together
SAMPLE_NAMES: Final = frozenset(
    {"Example Physical Therapy", "Riverbend Physical Therapy", "Maya Okafor", "Jonas Lindqvist", "Rosa Delgado"}
)
SAMPLE_STREETS: Final = frozenset({"1 Main Street", "214 Front Street NE"})
SAMPLE_POSTAL_CODE: Final = "97301"


@dataclass(frozen=True, slots=True)
class MadeUp:
    """A value that cannot be a real clinic's. ``key`` is its place in ``nurture.yaml``: ``clinic.phone``."""

    key: str
    value: str
    why: str

    def __str__(self) -> str:
        return f"{self.key}: {self.value} {self.why}"


def made_up(settings: Settings) -> tuple[MadeUp, ...]:
    """All of them, in the order of the file."""
    return tuple(_found(settings))


def _found(settings: Settings) -> Iterator[MadeUp]:
    clinic = settings.clinic
    yield from _name("clinic.name", clinic.name)
    yield from _phone("clinic.phone", clinic.phone)
    if clinic.address.street in SAMPLE_STREETS and clinic.address.postal_code == SAMPLE_POSTAL_CODE:
        yield MadeUp("clinic.address.street", clinic.address.street, "is the sample clinic's")
    yield from _domain("clinic.site", clinic.site, urlsplit(clinic.site).hostname or "")
    for key, person in settings.staff.items():
        yield from _name(f"staff.{key}.name", person.name)
        yield from _address(f"staff.{key}.address", person.address)
        yield from _phone(f"staff.{key}.phone", person.phone)
    for key, sender in settings.senders.items():
        yield from _name(f"senders.{key}.name", sender.name)
        yield from _address(f"senders.{key}.address", sender.address)
        yield from _address(f"senders.{key}.reply_to", sender.reply_to)
        if sender.smtp is not None and sender.smtp.host != "localhost":
            yield from _domain(f"senders.{key}.smtp.host", sender.smtp.host, sender.smtp.host)


def _name(key: str, value: str) -> Iterator[MadeUp]:
    if any(value.startswith(name) for name in SAMPLE_NAMES):
        yield MadeUp(key, value, "is the sample clinic's")


def _phone(key: str, value: str | None) -> Iterator[MadeUp]:
    if value is not None and _FICTION.fullmatch(re.sub(r"\D", "", value)):
        yield MadeUp(key, value, "is a number that is kept for fiction (555-01..)")


def _address(key: str, value: str | None) -> Iterator[MadeUp]:
    if value is not None:
        yield from _domain(key, value, value.rpartition("@")[2])


def _domain(key: str, value: str, domain: str) -> Iterator[MadeUp]:
    found = f".{domain.lower().rstrip('.')}"
    if any(found.endswith(f".{reserved}") for reserved in RESERVED_DOMAINS):
        yield MadeUp(key, value, "is at a domain that is kept for examples (RFC 2606)")
