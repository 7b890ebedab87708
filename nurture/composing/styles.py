"""Style rules copied into style attributes, as mail programs need them.

css-inline reads HTML as a browser does. Text between table rows would be moved
out, so marks between tags travel as comments; and whether everything stayed
where it was is checked afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import css_inline

from nurture.composing.marks import MARK

_MARKUP = re.compile(
    r"""<!--.*?-->|<(?P<raw>style|title|script)\b.*?</(?P=raw)\s*>|<(?P<close>/?)(?P<tag>[a-z][\w:-]*)(?:[^"'<>]|"[^"]*"|'[^']*')*>""",
    re.DOTALL | re.IGNORECASE,
)
_COMMENT_MARK = re.compile(r"<!--(j2mark\d+x)-->")


def inline_styles(html: str) -> str:
    """A whole document with its rules in style attributes; conditional comments and marks survive."""
    inliner = css_inline.CSSInliner(keep_style_tags=True, keep_at_rules=True, load_remote_stylesheets=False)
    return _COMMENT_MARK.sub(r"\1", inliner.inline(_marks_as_comments(_with_table_bodies(html))))


def inline_fragment(html: str, css: str) -> str:
    """A piece of a body with the rules of ``css`` in style attributes."""
    if not html.strip():
        return html
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False)
    styled = inliner.inline_fragment(_marks_as_comments(html), css)
    return _COMMENT_MARK.sub(r"\1", styled)


def style_rules(html: str) -> str:
    """The document's rules for all media, without conditional comments."""
    outside = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    return "\n".join(re.findall(r"<style type=\"text/css\">(.*?)</style>", outside, flags=re.DOTALL))


def moved_mark(before: str, after: str) -> str:
    """The mark nearest to the first place where tags or marks changed their order, or nothing.

    That is the one there or after it, else the one before it.
    """
    parts = list(_skeleton(_with_table_bodies(before)))
    for place, (left, right) in enumerate(zip(parts, _skeleton(after), strict=False)):
        if left != right:
            nearest = (part for part in (*parts[place:], *reversed(parts[:place])) if MARK.fullmatch(part))
            return next(nearest, "") or (found[0] if (found := MARK.search(before)) else "")
    return ""


def _marks_as_comments(html: str) -> str:
    out: list[str] = []
    end = 0
    for match in _MARKUP.finditer(html):
        out += (MARK.sub(r"<!--\g<0>-->", html[end : match.start()]), match[0])
        end = match.end()
    out.append(MARK.sub(r"<!--\g<0>-->", html[end:]))
    return "".join(out)


def _with_table_bodies(html: str) -> str:
    """HTML whose tables have their ``<tbody>`` written out.

    A browser adds it before the first row, which would be inside a loop that
    begins before that row.
    """
    inserts: list[tuple[int, str]] = []
    tables: list[tuple[int, bool, bool]] = []  # (where its content begins, seen a child, body added)
    for match in _MARKUP.finditer(html):
        tag, closing = (match["tag"] or "").lower(), bool(match["close"])
        if tag == "table" and not closing:
            tables.append((match.end(), False, False))
        elif tag == "table" and tables:
            if tables.pop()[2]:
                inserts.append((match.start(), "</tbody>"))
        elif tag and tables and not tables[-1][1]:
            start = tables[-1][0]
            add = tag == "tr"
            tables[-1] = (start, True, add)
            if add:
                inserts.append((start, "<tbody>"))
    out: list[str] = []
    end = 0
    for position, text in sorted(inserts, key=lambda insert: insert[0]):
        out += (html[end:position], text)
        end = position
    return "".join((*out, html[end:]))


def _skeleton(html: str) -> Iterator[str]:
    """Tags by name and marks, in order; attributes and text do not count."""
    end = 0
    for match in _MARKUP.finditer(html):
        yield from (mark[0] for mark in MARK.finditer(html, end, match.start()))
        end = match.end()
        if match["tag"]:
            yield f"{match['close']}{match['tag'].lower()}"
    yield from (mark[0] for mark in MARK.finditer(html, end))
