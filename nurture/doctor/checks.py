"""One thing that was looked at: what was seen, what that means, how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from nurture.address import clean_text
from nurture.composing.dkim_keys import DnsRecord
from nurture.vocabulary import Health

LATER = "Run doctor again when this question gets an answer."
_PUBLISHED = 2_000  # characters of a record that is worth copying
_SHOWN = 240  # characters of one stranger's text; a longer one is no evidence but a flood


@dataclass(frozen=True, slots=True)
class Check:
    """A judgement. ``about`` is the domain, sender, server or file; ``seen`` is the evidence.

    ``mend`` is one sentence, empty where nothing is to be done; ``record`` is what to
    publish, where that is known exactly. None of it holds a secret.
    """

    name: str
    about: str
    health: Health
    seen: str
    mend: str = ""
    record: DnsRecord | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Makes the checks of one ``name`` about one thing."""

    name: str
    about: str

    def ok(self, seen: str) -> Check:
        """As it should be."""
        return Check(self.name, self.about, Health.OK, seen)

    def warn(self, seen: str, mend: str, record: DnsRecord | None = None) -> Check:
        """Works, but worth mending."""
        return Check(self.name, self.about, Health.WARN, seen, mend, record)

    def fail(self, seen: str, mend: str, record: DnsRecord | None = None) -> Check:
        """Must be mended before going live."""
        return Check(self.name, self.about, Health.FAIL, seen, mend, record)

    def unknown(self, seen: str, mend: str = "", record: DnsRecord | None = None) -> Check:
        """Could not be looked at."""
        return Check(self.name, self.about, Health.UNKNOWN, seen, mend, record)


def shown(text: str, limit: int = _SHOWN) -> str:
    """A stranger's words, fit to be printed: on one line, without control characters, at most ``limit`` of them."""
    cut = text[: limit * 4]  # cleaning folds blanks, and need not see more
    clean = clean_text(cut)
    return clean if len(clean) <= limit and len(cut) == len(text) else clean[:limit] + "…"


def publishable(name: str, value: str) -> DnsRecord | None:
    """A record made out of what a stranger published; None if that could not be copied as it is printed."""
    plain = value.isascii() and value.isprintable() and not {'"', "\\"} & set(value)
    return DnsRecord(name, value) if plain and len(value) <= _PUBLISHED else None
