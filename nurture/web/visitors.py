"""Who opened a mail or followed a link: a person, or a program that looks first. Pure.

Nobody can know for sure, so each judgement says why, and whether it may be wrong (`Judgement.sure`). Reports count from
that what is certain and what is possible.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final, TypeAlias

from nurture.composing.links import HIDDEN
from nurture.vocabulary import EventKind, Visitor

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

TOO_SOON: Final = timedelta(seconds=10)  # after a mail left: it may not even be in the mailbox yet
BURST: Final = timedelta(seconds=2)
BURST_LINKS: Final = 3  # different ones: nobody follows so many in that time
AROUND_HIDDEN: Final = timedelta(seconds=30)
_DATA: Final = Path(__file__).with_name("networks.toml")
_FAMILIES: Final = (
    ("Outlook", re.compile(r"outlook|microsoft office|ms-?office", re.IGNORECASE)),
    ("Thunderbird", re.compile("thunderbird", re.IGNORECASE)),
    ("Edge", re.compile(r"\bEdg")),
    ("Firefox", re.compile("Firefox|FxiOS")),
    ("Chrome", re.compile("Chrome|CriOS")),
    ("Safari", re.compile("Safari")),
    ("Apple Mail", re.compile("AppleWebKit")),
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One look at a mail's pixel (``link`` None) or at one of its links.

    ``address`` is the visitor's, whole; it is judged and never stored.
    """

    link: int | None
    at: datetime
    method: str
    agent: str
    address: str | None

    @property
    def kind(self) -> EventKind:
        """What it is in the log."""
        return kind_of(self.link)


def kind_of(link: int | None) -> EventKind:
    """What a visit of a link (None: of the pixel) is in the log."""
    return EventKind.OPENED if link is None else EventKind.CLICKED


@dataclass(frozen=True, slots=True)
class Judgement:
    """Who it was, and why we think so; ``sure`` False: it may have been a person all the same."""

    visitor: Visitor
    why: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class Touch:
    """A visit that was judged alone, or one of earlier."""

    link: int | None
    at: datetime
    visitor: Visitor


def judge(visit: Visit, *, sent_at: datetime | None, own: Sequence[Network]) -> Judgement:
    """One visit by itself. ``sent_at`` is when the mail left (None: not yet), ``own`` are the clinic's networks."""
    address = _address(visit.address)
    if _within(address, own):
        return Judgement(Visitor.OWN_OFFICE, "from the clinic's own network")
    if visit.link == HIDDEN:
        return Judgement(Visitor.SCANNER, "followed the link that no person sees")
    if visit.method == "HEAD":
        return Judgement(Visitor.SCANNER, "asked with HEAD, as no browser does")
    if (known := _by_program(visit.agent) or _by_network(address)) is not None:
        visitor, name = known
        if visit.link is None or visitor is Visitor.SCANNER:
            return Judgement(visitor, name)
        if visitor is Visitor.MAIL_PROXY:  # fetches pictures for readers, and follows links for itself
            return Judgement(Visitor.SCANNER, name, sure=False)
    if sent_at is None or visit.at - sent_at < TOO_SOON:
        seconds = 0.0 if sent_at is None else max((visit.at - sent_at).total_seconds(), 0.0)
        return Judgement(Visitor.SCANNER, f"{seconds:.0f} seconds after the mail left", sure=False)
    return Judgement(Visitor.PERSON, "nothing speaks for a program")


def judge_together(touches: Sequence[Touch]) -> dict[int, Judgement]:
    """Touches of one mail that look like a person's alone, and do not beside the others; by their place."""
    found: dict[int, Judgement] = {}
    hidden = [touch.at for touch in touches if touch.link == HIDDEN]
    clicks = sorted((touch.at, touch.link) for touch in touches if touch.link)
    for place, touch in enumerate(touches):
        if touch.visitor is not Visitor.PERSON:
            continue
        if any(abs(touch.at - at) <= AROUND_HIDDEN for at in hidden):
            sure = touch.link is not None  # a person may open the mail at the same time
            found[place] = Judgement(Visitor.SCANNER, "beside the link that no person sees", sure=sure)
        elif touch.link and _in_burst(touch.at, clicks):
            found[place] = Judgement(Visitor.SCANNER, f"{BURST_LINKS} links or more in {BURST.seconds} seconds")
    return found


def _in_burst(at: datetime, clicks: Sequence[tuple[datetime, int | None]]) -> bool:
    starts = [start for start, _ in clicks if timedelta(0) <= at - start <= BURST]
    return any(
        len({link for other, link in clicks if start <= other <= start + BURST}) >= BURST_LINKS for start in starts
    )


def shortened(address: str | None) -> str | None:
    """The network of an address, /24 or /48: as much as is stored."""
    found = _address(address)
    if found is None:
        return None
    return str(ipaddress.ip_network((found, 24 if found.version == 4 else 48), strict=False))


@lru_cache(maxsize=1024)
def program_family(agent: str) -> str:
    """What kind of program says this of itself; the exact words are not kept."""
    return next((name for name, pattern in _FAMILIES if pattern.search(agent)), "other")


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks as they stand in the settings."""
    return tuple(map(ipaddress.ip_network, texts))


def _address(text: str | None) -> Address | None:
    try:
        found = ipaddress.ip_address((text or "").strip("[] "))
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


def _within(address: Address | None, ranges: Sequence[Network]) -> bool:
    return address is not None and any(address in each for each in ranges)


@lru_cache(maxsize=1024)
def _by_program(agent: str) -> tuple[Visitor, str] | None:
    if not agent:
        return Visitor.SCANNER, "does not say what it is"
    for known in _known()["programs"]:
        pattern: re.Pattern[str] = known["pattern"]
        if pattern.search(agent):
            return Visitor(known["visitor"]), known["name"]
    return None


def _by_network(address: Address | None) -> tuple[Visitor, str] | None:
    for known in _known()["networks"]:
        if _within(address, known["ranges"]):
            return Visitor(known["visitor"]), f"from a network of {known['name']}"
    return None


@cache
def _known() -> dict[str, list[dict[str, Any]]]:
    data = tomllib.loads(_DATA.read_text(encoding="utf-8"))
    for known in data["networks"]:
        known["ranges"] = networks(known["list"])
    for known in data["programs"]:
        parts = [re.escape(known["contains"])] if "contains" in known else []
        parts += [rf"\A{re.escape(known['exactly'])}\Z"] if "exactly" in known else []
        parts += [rf"(?<![a-z]){re.escape(word)}" for word in known.get("beginnings", ())]
        parts += [rf"(?<!cu){re.escape(word)}(?![a-z])" for word in known.get("endings", ())]  # Cubot makes telephones
        known["pattern"] = re.compile("|".join(parts), re.IGNORECASE)
    return data
