"""The page that a reader sees, as HTML (pure). It holds no name, no category and no whole address."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

import jinja2

from nurture.address import masked_address
from nurture.audience.preferring import Preferences
from nurture.web.words import WORDS
from nurture.workspace.settings import Clinic

_PAGES: Final = Path(__file__).parent / "pages"
_STYLE: Final = (_PAGES / "style.css").read_text(encoding="utf-8")
_TEMPLATES: Final = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_PAGES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


class View(StrEnum):
    """What the page says."""

    ASK = "ask"  # shall mails stop?
    LEFT = "left"  # all mails stopped
    LEFT_TOPIC = "left topic"  # those of one topic stopped
    RETURNED = "returned"  # they come again
    UNKNOWN = "unknown"  # the link is none of ours
    TROUBLE = "trouble"  # it cannot be done now


def page(view: View, *, language: str, clinic: Clinic, address: str | None = None, may_return: bool = False) -> str:
    """The whole page. ``address`` is masked here; None where it is not known any more."""
    words = _words(language, clinic, address)
    return _TEMPLATES.get_template("leave.html").render(
        view=view.value,
        title=words[view.value],
        language=language,
        clinic=clinic,
        may_return=may_return,
        style=_STYLE,
        words=words,
    )


def choices_page(
    *,
    language: str,
    clinic: Clinic,
    address: str,
    preferences: Preferences,
    gaps: Sequence[int | None],
    first_day: date,
    last_day: date,
    saved: bool,
    new_address: str | None,
    leave: str,
) -> str:
    """The page of preferences. ``address`` is masked here; ``leave`` is the link to stop everything.

    ``new_address``, masked too, was just asked for; empty: in vain; None: not now.
    """
    words = _words(language, clinic, address, new=new_address)
    return _TEMPLATES.get_template("choose.html").render(
        title=words["choose"],
        language=language,
        clinic=clinic,
        preferences=preferences,
        gaps=gaps,
        first_day=first_day,
        last_day=last_day,
        saved=saved,
        new_address=new_address,
        leave=leave,
        style=_STYLE,
        words=words,
    )


def confirm_page(*, language: str, clinic: Clinic, address: str | None, new_address: str, done: bool) -> str:
    """The page on which somebody says yes to mail at ``new_address`` instead of ``address``; both are masked here."""
    words = _words(language, clinic, address, new=new_address)
    return _TEMPLATES.get_template("confirm.html").render(
        title=words["changed" if done else "confirm"],
        language=language,
        clinic=clinic,
        done=done,
        style=_STYLE,
        words=words,
    )


def _words(language: str, clinic: Clinic, address: str | None, *, new: str | None = None) -> dict[str, str]:
    words = WORDS[language]
    shown = masked_address(address) if address else words["this address"]
    new = masked_address(new) if new else ""
    return {key: text.format(address=shown, new=new, phone=clinic.phone) for key, text in words.items()}
