"""What commands print: tables and words for people, JSON for programs.

Colours, boxes and progress appear only on a terminal; into a pipe goes plain text.
Names of files, words of servers and cells of sheets are strangers' words: what could
steer a terminal, or turn the direction of its lines, is printed as an escape (`visible`).
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# States and words that deserve a colour on a terminal.
_STYLES = {
    "sent": "green",
    "ready": "cyan",
    "finished": "green",
    "queued": "cyan",
    "sending": "cyan",
    "skipped": "yellow",
    "held": "yellow",
    "canceled": "yellow",
    "expired": "yellow",
    "missed": "yellow",
    "uncertain": "magenta",
    "failed": "red",
    "overdue": "red",
    "soon": "yellow",
}

# C0 but tabs and line ends, DEL, C1 (ECMA-48), line and paragraph separators, direction overrides
# (Unicode 9, "Trojan Source"), and surrogates: bytes of a file's name that no UTF-8 can hold.
_STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_WHOLE = ("id", "time", "edition", "state", "date", "expires", "waits")


def visible(text: str) -> str:
    """``text`` without anything that steers a terminal: such characters are shown by their code."""
    return _STEERS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def on_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


@cache
def console() -> Console:
    """Standard output; wide enough in a pipe that no cell is cut."""
    from rich.console import Console

    class Output(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # rich would exit with 1, which means: found problems

    return Output(highlight=False, width=None if on_terminal() else 200, soft_wrap=not on_terminal())


def say(text: RenderableType = "", style: str | None = None) -> None:
    """One line (or renderable) for people. Plain text is never taken for markup."""
    console().print(visible(text) if isinstance(text, str) else text, style=style, markup=False, emoji=False)


def warn(text: str) -> None:
    """One line on standard error."""
    from rich.console import Console

    Console(stderr=True, highlight=False).print(
        visible(text), style="yellow", markup=False, emoji=False, soft_wrap=True
    )


def counted(number: int, thing: str) -> str:
    """``1 mail``, ``2 mails``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table; column names that start with ``>`` are right-aligned. Editions and times are never broken.

    Where a terminal is too narrow for its words, each row is a paragraph instead.
    """
    cells = [tuple(visible(_cell(value)) for value in row) for row in rows]
    widths = _widths(columns, cells)
    if on_terminal() and sum(widths) + len(" | ") * len(widths) > console().width:
        _paragraphs([tuple(name.lstrip(">") for name in columns), *cells])
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        made.add_column(
            name.lstrip(">"),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
            # where all cells and the header are single words, other columns make room
            no_wrap=name.lstrip(">") in _WHOLE or not any(" " in row[place] for row in (columns, *cells)),
        )
    for row in cells:
        # Text, not str: a contact's name is data, never markup
        made.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    console().print(made)


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """What each column needs so that no word is broken."""
    widths = []
    for place, name in enumerate(columns):
        cells = [name.lstrip(">"), *(row[place] for row in rows)]
        pieces = cells if name.lstrip(">") in _WHOLE else [word for cell in cells for word in cell.split()]
        widths.append(max(map(len, pieces), default=0))
    return widths


def _paragraphs(rows: Sequence[Sequence[str]]) -> None:
    import textwrap

    for row in rows:
        line = "  ".join(filter(None, row))
        # a row's further lines are set in, so that one sees where the next begins
        say(textwrap.fill(line, console().width - 1, subsequent_indent="    ", break_on_hyphens=False))


def print_json(value: object) -> None:
    """``value`` as JSON: dataclasses by field, instants in ISO 8601 with their zone."""
    sys.stdout.write(visible(json.dumps(as_json(value), indent=2, ensure_ascii=False)) + "\n")


def print_json_line(value: object) -> None:
    """``value`` as JSON in one line, at once: for commands that go on and on."""
    sys.stdout.write(visible(json.dumps(as_json(value), ensure_ascii=False)) + "\n")
    sys.stdout.flush()


def as_json(value: object) -> object:
    """Dataclasses, enums, dates and collections as what JSON knows."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(as_json(key)): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in value]
    return value


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
