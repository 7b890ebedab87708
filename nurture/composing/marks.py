"""Jinja tokens as opaque marks, so that other parsers only see plain text.

A token such as ``{{ contact.greeting }}`` becomes a word that no parser
touches; after MJML, CSS and Markdown are done, the tokens are put back. Each
mark knows where its token stands, so whatever goes wrong later can be placed.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from jinja2 import Environment
from jinja2.exceptions import TemplateSyntaxError

from nurture.errors import ComposeError, Problem

MARK = re.compile(r"j2mark(\d+)x")
_LEXER = Environment(keep_trailing_newline=True, autoescape=True)
_BEGINNINGS = {
    "variable_begin": "variable_end",
    "block_begin": "block_end",
    "comment_begin": "comment_end",
    "raw_begin": "raw_end",
}
_REFUSED = {
    "raw": "`{% raw %}` does not work here; write `{{ '{{' }}` for braces",
    "include": '`{% include %}` does not work in mails; use `<mj-include path="..." />`',
    "import": "`{% import %}` does not work in mails; define the macro in an included partial",
    "from": "`{% from %}` does not work in mails; define the macro in an included partial",
    "extends": '`{% extends %}` does not work in mails; use `<mj-include path="..." />`',
    "block": '`{% block %}` does not work in mails; use `<mj-include path="..." />`',
}


@dataclass(frozen=True, slots=True)
class Place:
    """A place in one of the clinic's files; line and column count from 1."""

    file: str
    line: int
    column: int

    def problem(self, message: str) -> Problem:
        """``message`` as a problem at this place."""
        return Problem(self.file, self.line, self.column, message)


@dataclass(frozen=True, slots=True)
class Mark:
    """One hidden token: its text with delimiters, its first word, its place."""

    number: int
    token: str
    keyword: str  # "for", "endif" ...; empty for {{ variables }}
    place: Place

    @property
    def text(self) -> str:
        """What stands for the token."""
        return f"j2mark{self.number}x"


@dataclass(frozen=True, slots=True)
class Source:
    """One file's text, and where offsets in it are for people."""

    file: str
    text: str
    first_line: int = 1  # where ``text`` begins in the file
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        starts = (0, *(match.end() for match in re.finditer("\n", self.text)))
        object.__setattr__(self, "_starts", starts)

    def place(self, offset: int) -> Place:
        """The place of a character offset."""
        row = bisect_right(self._starts, offset) - 1
        return Place(self.file, row + self.first_line, offset - self._starts[row] + 1)


@dataclass(slots=True)
class HiddenText:
    """Text with marks; maps its own offsets back to the source they came from."""

    text: str = ""
    _pieces: list[tuple[int, Source, int]] = field(default_factory=list)

    def append(self, text: str, source: Source, offset: int) -> None:
        """Add ``text`` that stands at ``offset`` of ``source``."""
        if text:
            self._pieces.append((len(self.text), source, offset))
            self.text += text

    def append_slice(self, other: HiddenText, start: int, end: int) -> None:
        """Add a part of another hidden text, with its places."""
        for (begin, source, offset), following in zip(
            other._pieces, [*other._pieces[1:], (len(other.text), None, 0)], strict=True
        ):
            first, last = max(begin, start), min(following[0], end)
            if first < last:
                self.append(other.text[first:last], source, offset + first - begin)

    def append_like(self, text: str, other: HiddenText, offset: int) -> None:
        """Add ``text`` that replaces what stands at ``offset`` of ``other``."""
        index = bisect_right(other._pieces, offset, key=lambda piece: piece[0]) - 1
        begin, source, start = other._pieces[index]
        self.append(text, source, start + offset - begin)

    def place(self, offset: int) -> Place:
        """Where a character offset of this text stands in the files."""
        index = bisect_right(self._pieces, offset, key=lambda piece: piece[0]) - 1
        if index < 0:
            raise ValueError("an empty text has no places")
        begin, source, start = self._pieces[index]
        return source.place(start + offset - begin)

    def place_of_byte(self, offset: int) -> Place:
        """Like `place`, for an offset in the UTF-8 form of this text."""
        return self.place(len(self.text.encode()[:offset].decode(errors="ignore")))


class Marks:
    """All tokens of one template, numbered over all its files."""

    def __init__(self) -> None:
        self._marks: list[Mark] = []

    def __getitem__(self, number: int) -> Mark:
        return self._marks[number]

    def hide(self, source: Source) -> HiddenText:
        """``source`` with every token swapped for a mark; comments are dropped.

        Raises `ComposeError` for a token that is not closed or not allowed.
        """
        if found := MARK.search(source.text):
            raise ComposeError(
                [source.place(found.start()).problem(f"the text {found[0]!r} is reserved; write something else")]
            )
        hidden = HiddenText()
        end = 0
        for kind, start, stop, keyword in _tokens(source):
            hidden.append(source.text[end:start], source, end)
            end = stop
            place = source.place(start)
            if keyword in _REFUSED:
                raise ComposeError([place.problem(_REFUSED[keyword])])
            if kind != "comment_begin":
                mark = Mark(len(self._marks), source.text[start:stop], keyword, place)
                self._marks.append(mark)
                hidden.append(mark.text, source, start)
        hidden.append(source.text[end:], source, end)
        return hidden

    def in_text(self, text: str) -> list[Mark]:
        """The marks that stand in ``text``, in order."""
        return [self._marks[int(match[1])] for match in MARK.finditer(text)]

    def missing_in(self, text: str) -> list[Mark]:
        """The marks of this template that ``text`` has lost."""
        present = {mark.number for mark in self.in_text(text)}
        return [mark for mark in self._marks if mark.number not in present]

    def tighten(self, text: str) -> str:
        """``text`` without the line ends after lines that hold only ``{% statements %}``."""

        def joined(match: re.Match[str]) -> str:
            only_statements = all(mark.keyword for mark in self.in_text(match[0]))
            return match[0].rstrip("\n") if only_statements else match[0]

        return re.sub(r"^(?:j2mark\d+x *)+\n", joined, text, flags=re.MULTILINE)

    def restore(self, text: str) -> tuple[str, list[Origin]]:
        """``text`` as Jinja source again, and the origin of its lines.

        Each token starts on a line of its own (a line break inside the
        delimiters means nothing to Jinja), so that a line number leads back to
        exactly one token.
        """
        out: list[str] = []
        origins: list[Origin] = []
        line, end = 1, 0
        for match in MARK.finditer(text):
            mark = self._marks[int(match[1])]
            data = text[end : match.start()]
            end = match.end()
            begin = 3 if mark.token[2:3] in ("-", "+") else 2
            out += (data, mark.token[:begin], "\n", mark.token[begin:])
            line += data.count("\n") + 1
            # the delimiter itself stands on the line before
            origins.append(Origin(line, mark.place.file, mark.place.line))
            line += mark.token.count("\n")
        out.append(text[end:])
        return "".join(out), origins


@dataclass(frozen=True, slots=True)
class Origin:
    """From line ``line`` of a compiled text on, things stem from ``file``, line ``origin``."""

    line: int
    file: str
    origin: int


def place_of_line(origins: Sequence[Origin], line: int | None, file: str) -> Place:
    """Where line ``line`` of a compiled text comes from; ``file`` if nobody knows."""
    index = bisect_right(origins, line or 0, key=lambda origin: origin.line) - 1
    if index < 0:
        return Place(file, 0, 0)
    origin = origins[index]
    return Place(origin.file, origin.origin + max((line or 0) - origin.line, 0), 0)


def _tokens(source: Source) -> list[tuple[str, int, int, str]]:
    """(kind, start, end, keyword) of every token, as Jinja's own lexer sees them."""
    text = source.text
    found: list[tuple[str, int, int, str]] = []
    position, start, begin, keyword = 0, 0, "", ""
    try:
        for _, kind, value in _LEXER.lex(text):
            # the lexer leaves out blanks before `{%-`
            while not text.startswith(value, position):
                position += 1
            if not begin and kind in _BEGINNINGS:
                start, begin = position, kind
                keyword = "raw" if kind == "raw_begin" else ""
            elif begin == "block_begin" and kind == "name" and not keyword:
                keyword = value
            position += len(value)
            if kind == _BEGINNINGS.get(begin):
                found.append((begin, start, position, keyword))
                begin = ""
    except TemplateSyntaxError as error:
        place = Place(source.file, error.lineno + source.first_line - 1, 0)
        raise ComposeError([place.problem(f"template syntax: {error.message}")]) from error
    if begin:
        raise ComposeError([source.place(start).problem("this template tag is never closed")])
    return found
