"""Sanitized news HTML as plain text (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser

_BLOCKS = frozenset(["p", "h2", "h3", "h4", "blockquote", "pre", "ul", "ol", "li", "table", "tr", "hr"])


def to_text(sanitized: str) -> str:
    """The words of HTML that `markup.sanitize` has made.

    Paragraphs are parted by an empty line, list items and table rows by none;
    items start with ``-`` or their number, cells are parted by ``|``, and a
    link's target follows its words in brackets.
    """
    writer = _TextWriter()
    writer.feed(sanitized)
    writer.close()
    return writer.text()


@dataclass(slots=True)
class _Block:
    """A paragraph, heading, list item or table row."""

    group: int = 0  # blocks of one list or table stand close together; 0: alone
    indent: int = 0
    mark: str = ""  # "- " or "1. "
    words: str = ""
    verbatim: bool = False

    def lines(self) -> str:
        """The block as text, with its mark and indentation."""
        lines = self.words.strip().split("\n")
        if not self.verbatim:
            lines = [" ".join(line.split()) for line in lines]
        hanging = "\n" + " " * (self.indent + len(self.mark))
        return " " * self.indent + self.mark + hanging.join(lines)


class _TextWriter(HTMLParser):
    """Follows the elements and keeps the blocks."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._blocks = [_Block()]
        self._lists: list[int | None] = []  # of each open list: the last number, or None for bullets
        self._group = 0  # the open list or table, 0 outside
        self._groups = 0
        self._link = ("", 0)  # target, and where its words begin in the block

    def text(self) -> str:
        """All blocks with the gaps between them."""
        written, group = "", 0
        for block in self._blocks:
            if block.words.strip():
                close = block.group and block.group == group
                written += ("" if not written else "\n" if close else "\n\n") + block.lines()
                group = block.group
        return written

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a block, a cell, a line or a link."""
        block = self._blocks[-1]
        if tag in ("td", "th"):
            block.words += " | " if block.words.strip() else ""
        elif tag == "br":
            block.words += "\n"
        elif tag == "a":
            self._link = (dict(attrs).get("href") or "", len(block.words))
        elif tag in _BLOCKS:
            self._start_block(tag)

    def _start_block(self, tag: str) -> None:
        if tag in ("ul", "ol", "table") and not self._group:
            self._groups += 1
            self._group = self._groups
        if tag in ("ul", "ol"):
            self._lists.append(0 if tag == "ol" else None)
        if tag == "li":
            self._blocks.append(self._item())
        elif not (self._blocks[-1].mark and not self._blocks[-1].words.strip()):  # the paragraph that opens an item
            self._next_block()
        if tag == "hr":
            self._blocks[-1].words = "* * *"
            self._next_block()
        self._blocks[-1].verbatim = tag == "pre"

    def _next_block(self) -> None:
        self._blocks.append(_Block(self._group, indent=2 * len(self._lists)))

    def _item(self) -> _Block:
        indent = 2 * max(len(self._lists) - 1, 0)
        number = self._lists[-1] if self._lists else None
        if number is None:
            return _Block(self._group, indent, "- ")
        self._lists[-1] = number + 1
        return _Block(self._group, indent, f"{number + 1}. ")

    def handle_endtag(self, tag: str) -> None:
        """End a block, a list or a link."""
        if tag == "a":
            target, start = self._link
            words = self._blocks[-1].words
            shown = re.sub(r"^(mailto|tel):", "", target)
            if shown and re.sub(r"^https?://", "", shown) not in words[start:]:
                self._blocks[-1].words = f"{words} ({shown})"
            self._link = ("", 0)
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        if tag in ("ul", "ol", "table") and not self._lists:
            self._group = 0
        if tag in _BLOCKS:
            self._next_block()

    def handle_data(self, data: str) -> None:
        """Words; outside of ``pre``, line breaks are blanks."""
        block = self._blocks[-1]
        block.words += data if block.verbatim else re.sub(r"\s+", " ", data)
