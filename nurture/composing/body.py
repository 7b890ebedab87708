"""A campaign's own words: Markdown with Jinja, as HTML and as text.

The tokens are hidden while Markdown is read; raw HTML is not allowed in it.
"""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from nurture.composing.compiled import Compiled, usage
from nurture.composing.marks import Marks, Source
from nurture.composing.styles import inline_fragment
from nurture.composing.text import html_to_text

_ALONE = re.compile(r"^[ \t]*((?:j2mark\d+x[ \t]*)+)$", re.MULTILINE)
_PARAGRAPH = re.compile(r"<p>\s*((?:j2mark\d+x\s*)+)</p>")


def compile_body(source: Source, css: str) -> tuple[Compiled, Compiled]:
    """(HTML, text) of a Markdown text, as Jinja source; ``css`` styles its elements.

    Raises `ComposeError` at the text's file and line.
    """
    marks = Marks()
    hidden = marks.hide(source).text

    def apart(match: re.Match[str]) -> str:
        # a line of statements stands between blocks, not in a paragraph
        return f"\n{match[1]}\n" if all(mark.keyword for mark in marks.in_text(match[0])) else match[0]

    html = markdown_html(_ALONE.sub(apart, hidden))

    def unwrap(match: re.Match[str]) -> str:
        return match[1] if all(mark.keyword for mark in marks.in_text(match[0])) else match[0]

    html = _PARAGRAPH.sub(unwrap, html)
    text = marks.tighten(html_to_text(html))
    parts = []
    for part in (inline_fragment(html, css), text):
        jinja, origins = marks.restore(part)
        parts.append(Compiled(jinja, source.file, tuple(origins)))
        usage(parts[-1])
    return parts[0], parts[1]


def markdown_html(text: str) -> str:
    """CommonMark with tables and bare links, without raw HTML and images."""
    markdown = MarkdownIt("commonmark", {"html": False, "linkify": True, "typographer": False})
    markdown.enable(["table", "linkify"]).disable("image")
    return str(markdown.render(text))
