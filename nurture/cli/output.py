"""What commands print: tables and words for people, JSON for programs.

Colours, boxes and progress appear only on a terminal; into a pipe goes plain text.
"""

from __future__ import annotations

import dataclasses
import json
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
}

_WHOLE = ("id", "time", "edition", "state", "date", "expires")


def on_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


@cache
def console() -> Console:
    """Standard output; wide enough in a pipe that no cell is cut."""
    from rich.console import Console

    return Console(highlight=False, width=None if on_terminal() else 200, soft_wrap=not on_terminal())


def say(text: RenderableType = "", style: str | None = None) -> None:
    """One line (or renderable) for people. Plain text is never taken for markup."""
    console().print(text, style=style, markup=False)


def warn(text: str) -> None:
    """One line on standard error."""
    from rich.console import Console

    Console(stderr=True, highlight=False).print(text, style="yellow", markup=False, soft_wrap=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
    """A table; column names that start with ``>`` are right-aligned. Editions and times are never broken."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(
            name.lstrip(">"),
            justify="right" if name.startswith(">") else "left",
            overflow="fold",
            no_wrap=name.lstrip(">") in _WHOLE,
        )
    for row in rows:
        # Text, not str: a contact's name is data, never markup
        made.add_row(*(Text(_cell(value), style=_STYLES.get(_cell(value), "")) for value in row))
    console().print(made)


def print_json(value: object) -> None:
    """``value`` as JSON: dataclasses by field, instants in ISO 8601 with their zone."""
    json.dump(as_json(value), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


def print_json_line(value: object) -> None:
    """``value`` as JSON in one line, at once: for commands that go on and on."""
    sys.stdout.write(json.dumps(as_json(value), ensure_ascii=False) + "\n")
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
