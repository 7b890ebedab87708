"""When the ways out of our mails were last seen to work."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from nurture.store import meta

_PROBE, _PAGE, _LINKS, _MAILBOX = "web_probe", "web_page_seen", "web_links_seen", "mailbox_seen:"
_LOOP, _LOOPED = "loop_awaited:", "loop_seen:"


def record_probe(connection: Connection, number: int, now: datetime) -> None:
    """The page got the probe with this number."""
    meta.put(connection, _PROBE, f"{number} {now.isoformat()}")


def last_probe(connection: Connection) -> int | None:
    """The number of the last probe that the page got."""
    found = meta.get(connection, _PROBE)
    return None if found is None else int(found.partition(" ")[0])


def record_page(connection: Connection, url: str, now: datetime) -> None:
    """A POST to the page at ``url`` arrived."""
    meta.put(connection, _PAGE, f"{now.isoformat()} {url}")


def page_seen(connection: Connection, url: str) -> datetime | None:
    """When a POST to the page at ``url`` was last seen to arrive (UTC); None: never, or only at another address."""
    return _seen_at(connection, _PAGE, url)


def record_links(connection: Connection, url: str, now: datetime) -> None:
    """A link that leads over the pages at ``url`` was followed."""
    meta.put(connection, _LINKS, f"{now.isoformat()} {url}")


def links_seen(connection: Connection, url: str) -> datetime | None:
    """When a link over the pages at ``url`` was last seen to lead on (UTC); None: never, or only at another address."""
    return _seen_at(connection, _LINKS, url)


def record_mailbox(connection: Connection, address: str, now: datetime) -> None:
    """A mail with STOP was seen in the mailbox of ``address``."""
    meta.put(connection, f"{_MAILBOX}{address}", now.isoformat())


def mailbox_seen(connection: Connection, address: str) -> datetime | None:
    """When a mail with STOP was last seen in the mailbox of ``address`` (UTC); None: never."""
    found = meta.get(connection, f"{_MAILBOX}{address}")
    return None if found is None else datetime.fromisoformat(found)


def await_loop(connection: Connection, address: str, number: int) -> None:
    """A mail to a plus-address of ``address`` leaves, with this number in it."""
    meta.put(connection, f"{_LOOP}{number}", address)


def loop_arrived(connection: Connection, number: int, now: datetime) -> None:
    """A mail with this number in its address came; nothing happens if none is awaited, or if it came before."""
    address = meta.get(connection, f"{_LOOP}{number}")
    if address:
        meta.put(connection, f"{_LOOPED}{address}", now.isoformat())
        meta.put(connection, f"{_LOOP}{number}", "")


def loop_seen(connection: Connection, address: str) -> datetime | None:
    """When mail to a plus-address of ``address`` was last seen to arrive (UTC); None: never."""
    found = meta.get(connection, f"{_LOOPED}{address}")
    return None if found is None else datetime.fromisoformat(found)


def _seen_at(connection: Connection, key: str, url: str) -> datetime | None:
    found = meta.get(connection, key)
    if found is None:
        return None
    at, _, where = found.partition(" ")
    return datetime.fromisoformat(at) if where == url else None
