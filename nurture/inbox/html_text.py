"""HTML of a mail to plain text: what its writer wrote above, what was quoted behind ``>``. Linear, whatever comes."""

from __future__ import annotations

import re
from html import unescape

_MAX_HTML = 500_000
QUOTED = "-----Original Message-----"  # stands where a mail program put what it quotes, without a mark of its own

_NAME = re.compile(r"(/?)([a-zA-Z][a-zA-Z0-9:]{0,20})")
_BREAKS = frozenset(
    ["address", "article", "br", "center", "dd", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "hr"]
) | frozenset(["header", "li", "ol", "p", "pre", "section", "table", "tr", "ul"])
_APART = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "pre"])
_UNSEEN = ("script", "style", "head", "title", "template")
_BLANKS = re.compile(r"[ \t\r\n\f]+")
# containers in which mail programs put the mail that is answered
_QUOTING = re.compile(
    r"""(?:class|id)\s*=\s*["']?[^"'>]{0,80}(?:divRplyFwdMsg|yahoo_quoted|yahoo-quoted|protonmail_quote
    |zmail_extra|moz-cite-prefix|replySeparator|OLK_SRC_BODY_SECTION|mailcontainer_quote|isForwardContent|ms-outlook-mobile-reference|appendonsend)""",
    re.IGNORECASE | re.VERBOSE,
)
_RULED = re.compile(
    r"""style\s*=\s*["'][^"'>]{0,40}border:\s*none;\s*border-top:\s*solid\s+#[0-9a-f]{6}""", re.IGNORECASE
)


class _Text:
    """The lines so far, and how deep in quotes they are."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.depth = 0
        self.endless: set[str] = set()  # elements whose end was looked for in vain

    def add(self, text: str) -> None:
        self.line.append(text)

    def end_line(self, *, apart: bool = False) -> None:
        text = _BLANKS.sub(" ", "".join(self.line).replace("\xa0", " ")).strip()
        self.line.clear()
        if text:
            self.lines.append("> " * min(self.depth, 5) + text)
        if apart and self.lines and self.lines[-1]:
            self.lines.append("")

    def break_line(self) -> None:
        filled = bool("".join(self.line).strip())
        self.end_line()
        if not filled and self.lines and self.lines[-1]:
            self.lines.append("")


def html_to_text(html: str) -> str:
    """The words of ``html``: a line for each block, ``> `` before what is quoted; nothing is fetched or run."""
    html = html[:_MAX_HTML]
    text = _Text()
    place = 0
    while place < len(html):
        opening = html.find("<", place)
        if opening < 0:
            opening = len(html)
        if opening > place:
            text.add(unescape(html[place:opening]))
        place = _tag(html, opening, text)
    text.end_line()
    return "\n".join(text.lines)


def _tag(html: str, opening: int, text: _Text) -> int:
    """Act on what begins at ``opening``; returns where to go on."""
    if html.startswith("<!--", opening):
        return _after(html, "-->", opening)
    found = _NAME.match(html, opening + 1)
    if found is None:
        if html[opening + 1 : opening + 2] in ("!", "?"):
            return _after(html, ">", opening)
        text.add(html[opening : opening + 1])
        return opening + 1
    end = _after(html, ">", opening)
    _act(html[opening : min(end, opening + 3000)], closing=bool(found[1]), name=found[2].lower(), text=text)
    name = found[2].lower()
    if name not in _UNSEEN or found[1] or name in text.endless:
        return end
    behind = re.compile(rf"</{name}\b[^>]{{0,100}}>", re.IGNORECASE).search(html, end)
    if behind is None:
        text.endless.add(name)  # its words are shown, and nobody looks to the end of the mail twice
        return end
    return behind.end()


def _act(tag: str, *, closing: bool, name: str, text: _Text) -> None:
    if name == "blockquote":
        text.end_line()
        text.depth = max(text.depth + (-1 if closing else 1), 0)
    elif name == "br":
        text.break_line()
    elif name in _BREAKS:
        text.end_line(apart=name in _APART)
        if not closing and not text.depth and _quotes(tag):
            text.lines.append(QUOTED)
        if name == "li" and not closing:
            text.add("- ")
    elif name in ("td", "th", "img") and not closing:
        text.add(" ")


def _quotes(tag: str) -> bool:
    return bool(_QUOTING.search(tag) or _RULED.search(tag))


def _after(html: str, mark: str, place: int) -> int:
    end = html.find(mark, place)
    return len(html) if end < 0 else end + len(mark)
