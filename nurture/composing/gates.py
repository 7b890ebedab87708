"""What must be true of a mail before it may leave (DESIGN 6); each refusal names the rule that it comes from.

15 USC 7704(a)(5)(A) asks for a way out and a postal address in each mail; that both parts have them, and the phone
number too, is the house's own rule: a reader sees one of the parts only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import escape

from nurture.composing.mime import quoted_value

WAY_OUT = "STOP"  # "reply STOP"
_LAW = "(15 USC 7704(a)(5)(A))"
_MIN_WORDS = 5


class Gates:
    """The checks of one edition; made once, asked for every mail.

    ``clinic`` is what the templates got. ``html_always`` and ``text_always`` are
    the constant texts that every mail has; what stands there is not looked for again.
    """

    def __init__(self, clinic: Mapping[str, Any], *, html_always: str = "", text_always: str = "") -> None:
        address = clinic["address"]
        places = ("street", "city", "postal_code")
        wanted = [(f"the postal address ({what}) {_LAW}", str(address[what])) for what in places]
        wanted.append(("the phone number", str(clinic["phone"])))
        self._in_text = [(name, value) for name, value in wanted if value not in text_always]
        escaped = [(name, str(escape(value))) for name, value in wanted]
        self._in_html = [(name, value, quoted_value(value)) for name, value in escaped if value not in html_always]
        self._text_way_out = WAY_OUT in text_always
        self._html_way_out = WAY_OUT in html_always

    def missing(self, text: str, encoded_html: str, decoded_html: Callable[[], str], *, unsubscribe: str) -> list[str]:
        """In words, what a mail lacks; empty when it may leave.

        ``encoded_html`` is quoted-printable; ``decoded_html`` is asked only
        where something cannot be found in it. ``unsubscribe`` is the reader's link.
        """
        found = [f"{name} is not in the text part" for name, value in self._in_text if value not in text]
        if not self._text_way_out and WAY_OUT not in text and unsubscribe not in text:
            found.append(f"the text part has no way out {_LAW}; write `reply STOP` or show {{{{ links.unsubscribe }}}}")
        html = ""
        for name, value, quoted in self._in_html:
            if value in encoded_html or quoted in encoded_html:
                continue
            html = html or decoded_html()
            if value not in html:
                found.append(f"{name} is not in the HTML part")
        if not self._html_way_out and WAY_OUT not in encoded_html:
            link = str(escape(unsubscribe))
            if link not in encoded_html and link not in (html or decoded_html()):
                found.append(
                    f"the HTML part has no way out {_LAW}; link {{{{ links.unsubscribe }}}} or write `reply STOP`"
                )
        if len(text.split(None, _MIN_WORDS)) < _MIN_WORDS:
            found.append("the text part is empty")
        return found
