"""What must be true of a mail before it may leave (16 CFR 316.5, DESIGN 6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import escape

from nurture.composing.mime import quoted_value

WAY_OUT = "STOP"  # "reply STOP"


class Gates:
    """The checks of one edition; made once, asked for every mail.

    ``clinic`` and ``unsubscribe`` are what the templates got.
    """

    def __init__(self, clinic: Mapping[str, Any], unsubscribe: str) -> None:
        address = clinic["address"]
        self._wanted = [
            (f"the postal address ({what})", str(address[what])) for what in ("street", "city", "postal_code")
        ]
        self._wanted.append(("the phone number", str(clinic["phone"])))
        self._unsubscribe = unsubscribe
        self._in_html = [(name, _forms(value)) for name, value in self._wanted]
        self._way_out = _forms(unsubscribe)

    def missing(self, text: str, encoded_html: str, decoded_html: Callable[[], str]) -> list[str]:
        """In words, what a mail lacks; empty when it may leave.

        ``encoded_html`` is quoted-printable; ``decoded_html`` is asked only
        where a value cannot be found in it.
        """
        found = [f"{name} is not in the text part" for name, value in self._wanted if value not in text]
        if WAY_OUT not in text and self._unsubscribe not in text:
            found.append("the text part has no way out; write `reply STOP` or show {{ links.unsubscribe }}")
        html = None
        for name, (plain, quoted) in [*self._in_html, ("", self._way_out)]:
            if plain in encoded_html or quoted in encoded_html:
                continue
            html = decoded_html() if html is None else html
            if name and plain not in html:
                found.append(f"{name} is not in the HTML part")
            elif not name and plain not in html and WAY_OUT not in html:
                found.append("the HTML part has no way out; link {{ links.unsubscribe }}")
        if len(text.split()) < 5:
            found.append("the text part is empty")
        return found


def _forms(value: str) -> tuple[str, str]:
    escaped = str(escape(value))
    return escaped, quoted_value(escaped)
