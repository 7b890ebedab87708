"""HTML as plain text, for the text part.

Links are written as ``label <address>`` (RFC 3986 appendix C), layout tables
are flattened, rows of data tables become lines, images become their alt text.
Marks of hidden Jinja tokens pass through as words.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_SKIPPED = frozenset({"head", "style", "script", "title", "template", "noscript"})
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "blockquote",
        "body",
        "center",
        "div",
        "dl",
        "dd",
        "dt",
        "figure",
        "figcaption",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "td",
        "tfoot",
        "th",
        "thead",
        "tr",
        "ul",
    ]
)
_SPACED = frozenset(["blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "ol", "p", "pre", "table", "ul"])
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_INVISIBLE = re.compile("[\u00ad\u034f\u200b-\u200d\u2060\ufeff]")
_LINK = re.compile(" <([^<>\\s]+)>")
CELL = "\ue000"  # private use; parts the cells of a row until the values are in
_BLANKS = re.compile(r"[ \t\r\n\f\u00a0]+")


def html_to_text(html: str) -> str:
    """The readable text of ``html``; lines are not wrapped, blocks are parted by one empty line."""
    parser = _Converter()
    parser.feed(html)
    parser.close()
    parser.end_line()
    return "\n".join(parser.lines).strip() + "\n"


def tidy(text: str) -> str:
    """What a text part looks like once its values are in.

    No blanks at line ends, at most one empty line in a row, none around; no
    link whose address says nothing new; ends with a line end.
    """
    text = _LINK.sub(_link, text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = [_cells(line) if CELL in line else line.rstrip() for line in text.split("\n")]
    text = "\n".join(lines)
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip() + "\n"


def _link(match: re.Match[str]) -> str:
    """A link after its label, unless it is a number to call or the label itself."""
    address = match[1]
    told = address.startswith("tel:") or match.string.endswith(address.removeprefix("mailto:"), 0, match.start())
    return "" if told else match[0]


def _cells(line: str) -> str:
    return " | ".join(cell.strip() for cell in line.split(CELL) if cell.strip())


class _Converter(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self.line = ""
        self.bullet = ""
        self.skipped: list[str] = []  # open tags from the first one that is not shown
        self.lists: list[int | None] = []  # the next number, or None for bullets
        self.quotes = 0
        self.preformatted = 0
        self.tables: list[bool] = []  # whether each open table shows data, not layout
        self.links: list[tuple[str, int]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element; void ones only say something once."""
        values = {key: value or "" for key, value in attrs}
        if self.skipped or tag in _SKIPPED or _HIDDEN.search(values.get("style", "")):
            if tag not in _VOID:
                self.skipped.append(tag)
            return
        data_cell = tag in ("td", "th") and self.tables and self.tables[-1]
        if data_cell:
            if self.line:
                self.line += CELL
        elif tag in _BLOCKS:
            nested = tag in ("ul", "ol") and bool(self.lists)
            self.end_line(blank=tag in _SPACED and not nested)
        self.start(tag, values)

    def start(self, tag: str, values: dict[str, str]) -> None:
        """What an element writes or remembers when it opens."""
        if tag == "br":
            self.end_line()
        elif tag == "hr":
            self.lines += ["---", ""]
        elif tag == "img":
            if alt := values.get("alt", "").strip():
                self.line += alt if self.links else f"[{alt}]"
        elif tag == "a":
            self.links.append((values.get("href", "").strip(), len(self.line)))
        elif tag in ("ul", "ol"):
            self.lists.append(1 if tag == "ol" else None)
        elif tag == "li":
            self.start_item()
        elif tag == "blockquote":
            self.quotes += 1
        elif tag == "pre":
            self.preformatted += 1
        elif tag == "table":
            self.tables.append(values.get("role") != "presentation")

    def start_item(self) -> None:
        """The bullet or number of a list item."""
        number = self.lists[-1] if self.lists else None
        self.bullet = "  " * max(len(self.lists) - 1, 0) + (f"{number}. " if number else "- ")
        if number:
            self.lists[-1] = number + 1

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if self.skipped:
            if tag in self.skipped:
                while self.skipped.pop() != tag:
                    continue
            return
        if tag == "a" and self.links:
            self.end_link()
        elif tag in ("td", "th") and self.tables and self.tables[-1]:
            return
        elif tag in _BLOCKS:
            nested = tag in ("ul", "ol") and len(self.lists) > 1
            self.end_line(blank=tag in _SPACED and not nested)
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
        elif tag == "blockquote" and self.quotes:
            self.quotes -= 1
        elif tag == "pre" and self.preformatted:
            self.preformatted -= 1
        elif tag == "table" and self.tables:
            self.tables.pop()

    def end_link(self) -> None:
        """Write a link's address after its label, unless the label shows it already."""
        href, start = self.links.pop()
        label = self.line[start:].strip()
        shown = href.removeprefix("mailto:").split("?")[0] if href.startswith("mailto:") else href
        if not href or href.startswith(("#", "tel:")) or (label and label in (href, shown)):
            return
        self.line = f"{self.line.rstrip()} <{href}>" if label else f"{self.line}{href}"

    def handle_data(self, data: str) -> None:
        """Text: blanks are folded outside of <pre>."""
        if self.skipped:
            return
        data = _INVISIBLE.sub("", data)
        if self.preformatted:
            first, *others = data.split("\n")
            self.line += first
            for line in others:
                self.end_line(empty=True)
                self.line = line
            return
        data = _BLANKS.sub(" ", data)
        self.line += data.lstrip() if not self.line or self.line.endswith(" ") else data

    def end_line(self, *, blank: bool = False, empty: bool = False) -> None:
        """End the line that is being written; ``blank`` asks for an empty line after it."""
        line = self.line.rstrip() if self.preformatted else self.line.strip()
        if line or empty:
            self.lines.append("> " * self.quotes + self.bullet + line)
            self.bullet = ""
        self.line = ""
        if blank and self.lines and self.lines[-1]:
            self.lines.append("")
