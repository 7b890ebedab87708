"""HTML of news: sanitized, closed, bounded (pure).

Whatever comes in, what goes out holds only the elements of ``ALLOWED``, each
closed, at most ``MAX_DEPTH`` deep, with links to ``LINK_SCHEMES`` only. The
sanitizer's time grows with the square of the depth (100,000 open elements take
minutes), so depth and size are judged before it sees anything.
"""

from __future__ import annotations

import html
import re
from collections import Counter

import nh3

from nurture.address import clean_text

ALLOWED = frozenset(
    {"a", "b", "blockquote", "br", "code", "em", "h2", "h3", "h4", "hr", "i", "li", "ol", "p", "pre", "s", "strong"}
    | {"sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"}
)
LINK_SCHEMES = frozenset({"http", "https", "mailto", "tel"})
MAX_SIZE = 200_000  # characters that come in
MAX_DEPTH = 40
# Elements whose words are not for people.
_DROPPED_WITH_CONTENT = frozenset({"script", "style", "title", "noscript", "template", "iframe", "svg", "math"})
_TOO_BIG_HEADING = re.compile(r"<(/?)h1(?=[\s>/])", re.IGNORECASE)
_TOO_SMALL_HEADING = re.compile(r"<(/?)h[56](?=[\s>/])", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_ANY_TAG = re.compile(r"<[^<>]*>")
_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
# A parser closes these by itself when the next one begins (HTML 13.1.2.4);
# their parents are counted, which bounds them too.
_SELF_CLOSING = frozenset(["p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option"])
_CLEANER_OPTIONS = {
    "tags": set(ALLOWED),
    "clean_content_tags": set(_DROPPED_WITH_CONTENT),
    "attributes": {"a": {"href", "title"}},
    "url_schemes": set(LINK_SCHEMES),
    "link_rel": None,
}


class MarkupError(ValueError):
    """The HTML is too large or nested too deep to be taken over."""


def depth(text: str) -> int:
    """How deep elements may be nested at most: an upper bound, in linear time."""
    open_elements: Counter[str] = Counter()
    now = deepest = 0
    for closing, name in _TAG.findall(text):
        name = name.lower()
        if name in _VOID or name in _SELF_CLOSING:
            continue
        if not closing:
            open_elements[name] += 1
            now += 1
            deepest = max(deepest, now)
        elif open_elements[name]:  # a stray end tag closes nothing
            open_elements[name] -= 1
            now -= 1
    return deepest


def sanitize(text: str, *, base: str | None = None) -> str:
    """The HTML with nothing but allowed elements, all of them closed.

    Pictures are dropped, the words of other unknown elements stay. Relative
    links are completed with ``base``, or lose their target without one.
    Raises `MarkupError` for what is too large or too deep.
    """
    if len(text) > MAX_SIZE:
        raise MarkupError(f"longer than {MAX_SIZE:,} characters")
    if depth(text) > MAX_DEPTH:
        raise MarkupError(f"nested deeper than {MAX_DEPTH} elements")
    cleaner = nh3.Cleaner(
        **_CLEANER_OPTIONS,  # type: ignore[arg-type]
        url_relative=("rewrite_with_base", base) if base else "deny",
    )
    text = _TOO_BIG_HEADING.sub(r"<\1h2", text.replace("\x00", ""))  # the mail has its own h1
    return cleaner.clean(_TOO_SMALL_HEADING.sub(r"<\1h4", text)).strip()


def sanitize_or_flatten(text: str, *, base: str | None = None) -> str:
    """Like `sanitize`, but what is too large or too deep becomes bounded paragraphs of plain words."""
    try:
        return sanitize(text, base=base)
    except MarkupError:
        return paragraphs(html.unescape(_ANY_TAG.sub(" ", text[:MAX_SIZE])))


def paragraphs(text: str) -> str:
    """Plain text as HTML paragraphs; empty lines part them."""
    blocks = re.split(r"\n\s*\n", text.replace("\x00", ""))
    return "\n".join(f"<p>{html.escape(clean_text(block), quote=False)}</p>" for block in blocks if block.strip())


def shorten(text: str, limit: int) -> str:
    """``text`` on one line with at most ``limit`` characters, cut at a word with an ellipsis."""
    text = clean_text(text)
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    head, blank, _ = cut.rpartition(" ")
    return (head if blank and len(head) > limit // 2 else cut).rstrip(" ,;:.-") + "…"
