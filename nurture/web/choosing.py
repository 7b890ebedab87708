"""The page on which readers choose what they get, how often, and from when on: GET shows, POST acts at once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from nurture.audience import address_changes
from nurture.audience.preferring import GAPS, LONGEST_PAUSE, Preferences, Wanted, prefer, preferences
from nurture.clock import Clock
from nurture.composing.link_tokens import KeyRing, is_genuine, make_token, parse_token
from nurture.store import Store
from nurture.store.leaving import LeftMail, find_mail
from nurture.store.wishes import Wish
from nurture.vocabulary import LinkPurpose
from nurture.web.answers import HEADERS
from nurture.web.asking import language
from nurture.web.page import choices_page
from nurture.workspace.settings import Settings

FORM: Final = "preferences"  # what our form says besides; a POST without it changes nothing
ADDRESS_FORM: Final = "address"  # the same of the form for a new address
_MOST_FIELDS: Final = 500
_LONGEST_ADDRESS: Final = 320  # characters (RFC 5321 4.5.3.1)


class Choosing:
    """Answers for the page of preferences. For several threads."""

    def __init__(
        self, store: Store, keys: Callable[[], KeyRing], settings: Callable[[], Settings], clock: Clock
    ) -> None:
        self._store, self._keys, self._settings, self._clock = store, keys, settings, clock

    def page(self, request: Request, text: str, body: bytes | None) -> Response | None:
        """The page, after what ``body`` asks for (None: it only looks); None for a link that is none of ours.

        Raises `StoreError`, `SecretError`.
        """
        token = parse_token(text)
        if token is None:
            return None
        ring = self._keys()
        with self._store.read() as connection:
            mail = find_mail(connection, token.number)
            genuine = is_genuine(token, ring, LinkPurpose.PREFERENCES, mail.recipient_key if mail else "")
            if mail is None or not genuine or mail.contact_id is None or mail.address is None:
                return None
            found = preferences(connection, mail)
        now = self._clock.now()
        today = self._settings().today(now)
        wanted = None if body is None else wanted_in(body, found)
        new_address = None if body is None or found.left else new_address_in(body)
        asked_for: str | None = None
        if wanted is not None or new_address is not None:
            with self._store.write() as connection:
                held = find_mail(connection, token.number)
                if held is None or held.contact_id is None:
                    return None  # erased this moment
                if wanted is not None:
                    found = prefer(connection, held, wanted, now=now, today=today)
                if new_address is not None:
                    spoken = language(request.headers.get("accept-language", ""))
                    asked_for = address_changes.ask(connection, held, new_address, language=spoken, now=now) or ""
        leave = make_token(ring.newest, LinkPurpose.LEAVE, mail.delivery_id, mail.recipient_key)
        return self._answer(
            request, mail, found, today, saved=wanted is not None, new_address=asked_for, leave=f"../u/{leave}"
        )

    def _answer(
        self,
        request: Request,
        mail: LeftMail,
        found: Preferences,
        today: date,
        *,
        saved: bool,
        new_address: str | None,
        leave: str,
    ) -> Response:
        html = choices_page(
            language=language(request.headers.get("accept-language", "")),
            clinic=self._settings().clinic,
            address=mail.present_address or mail.address or "",
            preferences=found,
            gaps=GAPS,
            first_day=today,
            last_day=today + LONGEST_PAUSE,
            saved=saved,
            new_address=new_address,
            leave=leave,
        )
        return HTMLResponse(html, headers=HEADERS)


def wanted_in(body: bytes, before: Preferences) -> Wanted | None:
    """What a POST asks for; None where it does not come from our form. Pure.

    A reader may forbid that reading is noted, and take that back; nobody is asked to allow more here.
    """
    fields = parse_qs(body.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
    if fields.get("form") != [FORM] or len(fields.get("topic", ())) > _MOST_FIELDS:
        return None
    wish = before.wish
    untracked = fields.get("untracked") == ["yes"]
    may_track = False if untracked else None if wish.may_track is False else wish.may_track
    return Wanted(
        topics=frozenset(fields.get("topic", ())),
        wish=Wish(gap=_number(fields.get("gap")), paused_until=_day(fields.get("pause")), may_track=may_track),
    )


def new_address_in(body: bytes) -> str | None:
    """The new address that a POST asks for; None where it comes from another form. Pure."""
    fields = parse_qs(body.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
    if fields.get("form") != [ADDRESS_FORM]:
        return None
    return fields.get("address", [""])[0].strip()[:_LONGEST_ADDRESS]


def _number(values: list[str] | None) -> int | None:
    text = values[0] if values else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 4 else None


def _day(values: list[str] | None) -> date | None:
    try:
        return date.fromisoformat(values[0]) if values else None
    except ValueError:
        return None
