"""RSS and Atom to entries: sanitized, bounded, with ids that stay (pure).

The form is checked before feedparser sees it: its tolerant parser takes most
of a minute for some five megabytes, and would keep half of a broken feed.
"""

from __future__ import annotations

import hashlib
import io
from calendar import timegm
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat
from zoneinfo import ZoneInfo

import feedparser

from nurture.address import clean_text, control_characters
from nurture.errors import FeedError
from nurture.news.markup import paragraphs, sanitize_or_flatten, shorten
from nurture.news.plain_text import to_text
from nurture.store.news import FeedEntry

NEWEST = 50  # entries that one fetch takes over
MAX_ENTRIES = 2_000  # a feed with more is not a feed of news
MAX_DEPTH = 100
TITLE_LENGTH = 200
SUMMARY_LENGTH = 500
HTML_LENGTH = 20_000
_EXCERPT_LENGTH = 3_000  # of the words of an entry whose HTML is longer
_LINK_LENGTH = 2_000


def parse_feed(body: bytes, *, feed: str, zone: ZoneInfo, base: str | None = None) -> tuple[FeedEntry, ...]:
    """The newest entries of a feed, newest first; entries without any words are left out.

    ``base`` completes relative links; days are those of ``zone``. Raises
    `FeedError` for everything that is not well-formed RSS or Atom.
    """
    body = body.lstrip(b" \t\r\n")
    _check_form(body)
    try:
        # a stream: a bare string could be taken for a file's name
        parsed = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        raise FeedError("the feed cannot be read; its publisher must mend it") from error
    if not parsed.version:
        raise FeedError("this is XML, but neither RSS nor Atom; look for the feed's own address on the site")
    if parsed.bozo and not isinstance(parsed.bozo_exception, feedparser.CharacterEncodingOverride):
        raise FeedError(f"the feed is broken: {clean_text(str(parsed.bozo_exception))[:200]}")
    # an entry without a day keeps its place before the older ones
    newest = sorted(parsed.entries, key=lambda entry: _day(entry, zone) or date.max, reverse=True)
    found: dict[str, FeedEntry] = {}
    for entry in newest[:NEWEST]:
        made = _entry(entry, feed=feed, zone=zone, base=base)
        if made is not None:
            found.setdefault(made.news_id, made)
    return tuple(found.values())


class _FormError(Exception):
    pass


def _check_form(body: bytes) -> None:
    """Refuse what is not well-formed, declares entities, or is endless: in one linear pass."""
    depth = entries = 0

    def start(name: str, _attributes: Mapping[str, str]) -> None:
        nonlocal depth, entries
        depth += 1
        entries += name.rpartition(":")[2] in ("item", "entry")
        if depth > MAX_DEPTH:
            raise _FormError(f"its elements are nested deeper than {MAX_DEPTH}")
        if entries > MAX_ENTRIES:
            raise _FormError(f"it has more than {MAX_ENTRIES:,} entries")

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    def declare_entity(*_: object) -> None:
        raise _FormError("it declares entities, which are not supported")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.EntityDeclHandler = declare_entity
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        if body[:200].lower().lstrip(b"\xef\xbb\xbf").startswith((b"<!doctype html", b"<html")):
            raise FeedError("this is a web page, not a feed; look for the feed's own address on it") from error
        words = expat.ErrorString(error.code)
        raise FeedError(f"the feed is not well-formed XML: {words}, line {error.lineno}") from error
    except _FormError as error:
        raise FeedError(f"the feed is refused: {error}") from error
    except (ValueError, LookupError) as error:
        raise FeedError("the feed's encoding is not supported; UTF-8 always is") from error


def _entry(entry: Mapping[str, Any], *, feed: str, zone: ZoneInfo, base: str | None) -> FeedEntry | None:
    link = _link(entry.get("link"), base)
    contents = [part for part in entry.get("content") or [] if part.get("value")]
    summary_html = _html(entry.get("summary_detail"), link or base)
    html = _html(contents[0], link or base) if contents else summary_html
    text = to_text(html)
    if len(html) > HTML_LENGTH:
        html = paragraphs(shorten(text, _EXCERPT_LENGTH))
    summary = shorten(to_text(summary_html) or text, SUMMARY_LENGTH)
    title = shorten(to_text(_html(entry.get("title_detail"), None)) or summary, TITLE_LENGTH)
    if not title:
        return None
    identity = str(entry.get("id") or entry.get("link") or title)
    digest = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return FeedEntry(f"feed:{feed}:{digest}", title, summary, html, link, _day(entry, zone))


def _html(detail: Mapping[str, Any] | None, base: str | None) -> str:
    """The sanitized HTML of a text construct (RFC 4287 3.1); plain text becomes paragraphs."""
    value = str((detail or {}).get("value") or "")
    # XML forbids lone surrogates, a character reference in HTML may still name one
    value = value.encode("utf-8", "replace").decode("utf-8")
    if detail is None or detail.get("type") == "text/plain":
        return paragraphs(value[:HTML_LENGTH])
    return sanitize_or_flatten(value, base=base)


def _link(value: object, base: str | None) -> str | None:
    """A whole http(s) address, or None."""
    if not isinstance(value, str) or not value.strip() or len(value) > _LINK_LENGTH:
        return None
    try:
        link = urljoin(base or "", value.strip())
        parts = urlsplit(link)
    except ValueError:
        return None
    whole = parts.scheme in ("http", "https") and parts.hostname and not control_characters(link) and " " not in link
    return link if whole else None


def _day(entry: Mapping[str, Any], zone: ZoneInfo) -> date | None:
    # feedparser would answer the second key by the first, with a warning, if only that is there
    keys = [key for key in ("published_parsed", "updated_parsed") if key in entry]
    moment = next((entry[key] for key in keys if entry[key]), None)
    try:
        return datetime.fromtimestamp(timegm(moment), UTC).astimezone(zone).date() if moment else None
    except (ValueError, OverflowError, OSError):
        return None
