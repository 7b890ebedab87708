"""Markdown of news items to sanitized HTML and plain text (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

from nurture.news.markup import LINK_SCHEMES, MarkupError, sanitize
from nurture.news.plain_text import to_text

_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")


@dataclass(frozen=True, slots=True)
class Rendered:
    """What Markdown became.

    ``problems`` are pairs of a line, counted from 0 in the given text, and
    words; the HTML is safe even if there are any.
    """

    html: str
    text: str
    problems: tuple[tuple[int, str], ...] = ()


def render_markdown(source: str) -> Rendered:
    """CommonMark with tables, strikethrough and bare links; HTML in it is shown, not used."""
    tokens = _PARSER.parse(source)
    problems = list(_problems(tokens))
    html = _PARSER.renderer.render(tokens, _PARSER.options, {})
    try:
        clean = sanitize(html)
    except MarkupError as error:
        return Rendered("", "", ((0, f"the text is {error}"),))
    return Rendered(clean, to_text(clean), tuple(problems))


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": True})
    parser.enable(["linkify", "table", "strikethrough"])
    # The parser would show a link that it refuses as plain text, in silence; let
    # it through to `_problems` (and the sanitizer, which takes its target away).
    parser.validateLink = lambda url: True  # type: ignore[method-assign]
    return parser


_PARSER = _make_parser()


def _problems(tokens: list[Token]) -> Iterator[tuple[int, str]]:
    line = 0
    for token in tokens:
        if token.map:
            line = token.map[0]
        for inner in token.children or ():
            if inner.type == "image":
                yield line, "pictures in the text do not reach readers; name one picture under `image`"
            elif inner.type == "link_open":
                problem = _link_problem(str(inner.attrs.get("href", "")))
                if problem:
                    yield line, problem
            elif inner.type in ("softbreak", "hardbreak"):
                line += 1


def _link_problem(target: str) -> str | None:
    scheme = _SCHEME.match(target)
    if not scheme:
        return f"the link {target[:80]!r} is not complete; write the whole address, https://..."
    if scheme[1].lower() not in LINK_SCHEMES:
        return f"links that start with {scheme[1].lower()}: are refused; use {', '.join(sorted(LINK_SCHEMES))}"
    return None
