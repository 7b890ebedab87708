"""SPF records, read (RFC 7208 4.5, 4.6, 5, 6; pure)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from nurture.doctor.answers import Answer
from nurture.doctor.checks import shown

_MECHANISM = re.compile(r"([+?~-]?)(all|include|a|mx|ptr|ip4|ip6|exists)(?:([:/])(.*))?", re.IGNORECASE)
_MODIFIER = re.compile(r"([a-z][a-z0-9_.-]*)=(.*)", re.IGNORECASE)
_LENGTHS = re.compile(r"(?:/\d{1,3})?(?://\d{1,3})?$")  # of the networks of `a` and `mx`

ASKING = ("include", "redirect", "a", "mx", "ptr", "exists")  # each costs a lookup (RFC 7208 4.6.4)


@dataclass(frozen=True, slots=True)
class Term:
    """A mechanism or modifier; ``value`` is its domain or network, "" where it has none."""

    name: str
    value: str = ""
    qualifier: str = "+"

    @property
    def has_macro(self) -> bool:
        """Whether its domain depends on the mail (RFC 7208 7)."""
        return "%" in self.value

    def __str__(self) -> str:
        """Nearly as it was written."""
        sign = "" if self.qualifier == "+" else self.qualifier
        joint = "=" if self.name == "redirect" else ":"
        return sign + self.name + (joint + shown(self.value, 80) if self.value else "")


@dataclass(frozen=True, slots=True)
class SpfRecord:
    """The terms in their order."""

    text: str
    terms: tuple[Term, ...]

    @property
    def last(self) -> Term | None:
        """What decides about all other servers: `all`, else `redirect`, else nothing."""
        named = {term.name: term for term in reversed(self.terms)}
        return named.get("all") or named.get("redirect")

    @property
    def asking(self) -> tuple[Term, ...]:
        """The terms that cost a lookup; nothing after `all` counts, nor `redirect` beside it (RFC 7208 5.1)."""
        names = [term.name for term in self.terms]
        reached = self.terms[: names.index("all")] if "all" in names else self.terms
        ordered = [term for term in reached if term.name != "redirect"]
        ordered += [term for term in reached if term.name == "redirect" and "all" not in names]
        return tuple(term for term in ordered if term.name in ASKING)


def spf_texts(answer: Answer) -> tuple[str, ...]:
    """Those of the TXT records that say they are SPF (RFC 7208 4.5)."""
    return tuple(text for text in answer.records if (text + " ").lower().startswith("v=spf1 "))


def parse_spf(text: str) -> SpfRecord:
    """The record; raises ``ValueError`` in words where receivers stop with an error (RFC 7208 4.6)."""
    terms = tuple(_term(word) for word in text.split(" ")[1:] if word)
    if sum(term.name == "redirect" for term in terms) > 1:
        raise ValueError("it has two redirects")
    return SpfRecord(text, tuple(term for term in terms if term.name != ""))


def _term(word: str) -> Term:
    mechanism = _MECHANISM.fullmatch(word)
    if mechanism is None:
        modifier = _MODIFIER.fullmatch(word)
        if modifier is None:
            raise ValueError(f"`{shown(word, 60)}` is no term of SPF")
        name = modifier[1].lower()
        if name == "redirect" and not modifier[2]:
            raise ValueError("redirect= names no domain")
        return Term(name if name == "redirect" else "", modifier[2])  # others say nothing to us (RFC 7208 6)
    sign, name, joint, value = mechanism[1] or "+", mechanism[2].lower(), mechanism[3], mechanism[4] or ""
    if name in ("ip4", "ip6"):
        _check_network(name, value)
    elif name in ("include", "exists") and (joint != ":" or not value):
        raise ValueError(f"`{shown(word, 60)}` names no domain")
    elif name == "all" and joint:
        raise ValueError(f"`{shown(word, 60)}`: `all` takes no value")
    elif name in ("a", "mx"):
        value = _LENGTHS.sub("", value) if joint == ":" else ""
    return Term(name, value, sign)


def _check_network(name: str, value: str) -> None:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        network = None
    if network is None or f"ip{network.version}" != name:
        raise ValueError(f"`{name}:{shown(value, 60)}` is no IPv{name[2]} network")
