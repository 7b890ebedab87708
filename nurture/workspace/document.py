"""YAML 1.2 read into plain values that remember their lines and columns.

ruamel.yaml scans and parses; the values are built here from its events, so
nothing in a file can construct objects, nest without end or multiply by
aliases, and every problem can be shown at its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from nurture.errors import FilesError, Problem

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_PROBLEMS = 100  # of the form of one file; more would help nobody
MAX_MESSAGE = 600  # characters
MAX_VALUES = 50_000  # aliases count with all that they repeat

_NULL = ("", "~", "null", "Null", "NULL")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,2})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DIRECTIVE = re.compile(r"^\ufeff?%[A-Z]", re.MULTILINE)
# Tags that only say what is there already; every other tag is refused.
_PLAIN_TAGS = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!")


@dataclass(slots=True)
class Node:
    """One value at its place; ``value`` is a plain scalar, or the children.

    ``keys`` has the node of each key of a mapping. ``raw`` is the scalar as it
    is written, without quotes; ``size`` counts the values below and itself.
    """

    line: int
    column: int
    value: object = None
    raw: str = ""
    keys: dict[str, Node] = field(default_factory=dict)
    size: int = 1

    def child(self, step: str | int) -> Node | None:
        """The node under a key or index, or None."""
        if isinstance(self.value, dict) and isinstance(step, str):
            return self.value.get(step)
        if isinstance(self.value, list) and isinstance(step, int) and 0 <= step < len(self.value):
            found: Node = self.value[step]
            return found
        return None

    def plain(self) -> object:
        """The value as dicts, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True, slots=True)
class Document:
    """One file: its name as shown to people, and its values with their places."""

    file: str
    root: Node

    @property
    def value(self) -> object:
        """All values as dicts, lists and scalars."""
        return self.root.plain()

    def node(self, path: tuple[str | int, ...]) -> Node:
        """The node at ``path``, or the nearest one above it."""
        node = self.root
        for step in path:
            node = node.child(step) or node
        return node

    def key(self, path: tuple[str | int, ...]) -> Node:
        """Where the key of ``path`` stands; for list items and the root, the value itself."""
        above = self.node(path[:-1])
        return above.keys.get(str(path[-1]), self.node(path)) if path else self.root

    def problem(self, path: tuple[str | int, ...], message: str, *, at_key: bool = False) -> Problem:
        """A problem at the value (or the key) of ``path``."""
        node = self.key(path) if at_key else self.node(path)
        # it may repeat a value, and a value may be as long as a file
        shown = message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"
        return Problem(self.file, node.line, node.column, shown)


def read_document(text: str, *, file: str, first_line: int = 1) -> Document:
    """Read one YAML document; ``first_line`` is where ``text`` starts in its file.

    Raises `FilesError` with everything that is wrong with its form: syntax,
    tabs, duplicate keys, tags, aliases, size and depth.
    """
    return Document(file, _Builder(file, first_line).build(text))


def read_mapping(text: str, *, file: str, first_line: int = 1) -> Document:
    """Like `read_document`, for files that must hold keys and values."""
    document = read_document(text, file=file, first_line=first_line)
    if not isinstance(document.root.value, dict):
        empty = document.root.value is None
        message = "the file is empty" if empty else "write keys and values here, `key: value`"
        raise FilesError([document.problem((), message)])
    return document


class _Builder:
    """Builds the nodes from the parser's events; without recursion, so depth cannot hurt."""

    def __init__(self, file: str, first_line: int) -> None:
        self._file = file
        self._first_line = first_line
        self._problems: list[Problem] = []
        self._anchors: dict[str, Node] = {}
        self._values = 0
        self._roots: list[Node] = []
        # The open collections: their node, their anchor, and in a mapping the key that waits for its value.
        self._open: list[tuple[Node, str | None, list[Node | None]]] = []

    def build(self, text: str) -> Node:
        if len(text) > MAX_BYTES:
            raise FilesError([self._problem(0, 0, "the file is larger than 1 MB")])
        # Refused before the parser sees them: it fails on odd ones with bare assertions.
        if directive := _DIRECTIVE.search(text):
            line = text.count("\n", 0, directive.start())
            raise FilesError([self._problem(line, 0, "directives (`%...`) are not used in these files")])
        try:
            for event in _events(text):
                self._take(event)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line, column = (mark.line, mark.column) if mark else (0, 0)
            self._problems.append(self._problem(line, column, _in_words(error, text)))
        except YAMLError as error:
            position = getattr(error, "position", 0)
            before = text[:position] if isinstance(position, int) else ""
            line = before.count("\n")
            column = len(before) - before.rfind("\n") - 1
            self._problems.append(self._problem(line, column, "the file holds a character that YAML forbids"))
        if self._problems:
            raise FilesError(self._problems)
        return self._roots[0] if self._roots else Node(self._first_line, 1)

    def _problem(self, line: int, column: int, message: str) -> Problem:
        return Problem(self._file, line + self._first_line, column + 1, message)

    def _note(self, event: Event, message: str) -> None:
        self._problems.append(self._problem(event.start_mark.line, event.start_mark.column, message))

    def _stop(self, event: Event, message: str) -> FilesError:
        self._note(event, message)
        return FilesError(self._problems)

    def _take(self, event: Event) -> None:
        if isinstance(event, DocumentStartEvent) and self._roots:
            raise self._stop(event, "a second document starts here; one file holds one")
        if isinstance(event, MappingStartEvent | SequenceStartEvent):
            self._tag(event)
            node = self._node(event, {} if isinstance(event, MappingStartEvent) else [])
            if len(self._open) >= MAX_DEPTH:
                raise self._stop(event, f"values are nested deeper than {MAX_DEPTH} levels")
            self._open.append((node, event.anchor, [None]))
        elif isinstance(event, MappingEndEvent | SequenceEndEvent):
            node, anchor, _ = self._open.pop()
            self._place(event, node, anchor)
        elif isinstance(event, ScalarEvent):
            self._tag(event)
            node = self._node(event, _scalar(event.value) if event.implicit[0] else event.value)
            node.raw = event.value
            self._place(event, node, event.anchor)
        elif isinstance(event, AliasEvent):
            found = self._anchors.get(event.anchor)
            if found is None:
                raise self._stop(event, f"there is no finished anchor `&{event.anchor}` before this")
            self._count(event, found.size)
            self._place(event, found, None)

    def _tag(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
        if event.tag is not None and str(event.tag) not in _PLAIN_TAGS:
            self._note(event, "tags (`!...`) are not used in these files; write plain values")

    def _node(self, event: Event, value: object) -> Node:
        self._count(event, 1)
        return Node(event.start_mark.line + self._first_line, event.start_mark.column + 1, value)

    def _count(self, event: Event, size: int) -> None:
        self._values += size
        if self._values > MAX_VALUES:
            raise self._stop(event, f"more than {MAX_VALUES:,} values, counted with what aliases repeat")

    def _place(self, event: Event, node: Node, anchor: str | None) -> None:
        """Put a finished node into the collection around it."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self._roots.append(node)
            return
        above, _, waiting = self._open[-1]
        if isinstance(above.value, list):
            above.value.append(node)
            above.size += node.size
            return
        assert isinstance(above.value, dict)
        key, waiting[0] = waiting[0], None
        if key is None:
            if isinstance(node.value, dict | list):
                raise self._stop(event, "a key must be plain text")
            waiting[0] = node
            return
        if key.raw in above.value:
            first = above.keys[key.raw]
            self._problems.append(
                Problem(self._file, key.line, key.column, f"duplicate key `{key.raw}`, first in line {first.line}")
            )
            if len(self._problems) >= MAX_PROBLEMS:
                raise FilesError(self._problems)
            return
        if node.value is None and not node.raw:
            node.line, node.column = (
                key.line,
                key.column,
            )  # nothing stands there; the parser tells the next token's place
        above.value[key.raw] = node
        above.keys[key.raw] = key
        above.size += node.size + 1


def _events(text: str) -> Iterator[Event]:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    yield from yaml.parse(text.removeprefix("\ufeff"))


def _in_words(error: MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    if mark is not None:
        lines = text.split("\n")
        line = lines[mark.line] if mark.line < len(lines) else ""
        if "\t" in line[: len(line) - len(line.lstrip())]:
            return "a tab in the indentation; YAML wants blanks"
    problem = " ".join(str(error.problem or error.context or "this is not YAML").split())
    context = f" {error.context}" if error.context and error.problem else ""
    return f"broken YAML{context}: {problem}" + (
        "; a text that holds `: ` or starts with a sign such as @ % & * ! | must be quoted"
        if "mapping values are not allowed" in problem or "cannot start any token" in problem
        else ""
    )


def _scalar(raw: str) -> object:
    """An unquoted scalar by the YAML 1.2 core schema, and dates."""
    if raw in _NULL:
        return None
    if raw in _BOOL:
        return _BOOL[raw]
    if _INT.fullmatch(raw):
        return int(raw)
    if _FLOAT.fullmatch(raw):
        return float(raw)
    if _DATE.fullmatch(raw):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            return raw  # whoever wants a date here refuses the text
    return raw
