"""The page on which somebody at a new address says yes to our mails there: GET shows, POST acts at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from nurture.audience.address_changes import confirm, open_change
from nurture.audience.address_key import load_address_key
from nurture.clock import Clock
from nurture.composing.link_tokens import KeyRing, is_genuine, parse_token
from nurture.store import Store
from nurture.vocabulary import LinkPurpose
from nurture.web.answers import HEADERS
from nurture.web.asking import language
from nurture.web.choosing import new_address_in
from nurture.web.page import confirm_page
from nurture.workspace.settings import Clinic


class Confirming:
    """Answers for the page. For several threads. ``data`` is the folder with the key of address hashes."""

    def __init__(
        self, store: Store, data: Path, keys: Callable[[], KeyRing], clinic: Callable[[], Clinic], clock: Clock
    ) -> None:
        self._store, self._data, self._keys, self._clinic, self._clock = store, data, keys, clinic, clock

    def page(self, request: Request, text: str, body: bytes | None) -> Response | None:
        """The page, after the yes in ``body`` (None: it only looks); None for a link that is none of ours, or too old.

        Raises `StoreError`, `SecretError`.
        """
        token = parse_token(text)
        if token is None:
            return None
        ring, now = self._keys(), self._clock.now()
        with self._store.read() as connection:
            change = open_change(connection, token.number, now=now)
        genuine = is_genuine(token, ring, LinkPurpose.ADDRESS, change.new_address if change else "")
        if change is None or not genuine:
            return None
        done = change.confirmed_at is not None
        if not done and body is not None and new_address_in(body) is not None:
            if not confirm(self._store, load_address_key(self._store, self._data), change, now=now):
                return None
            done = True
        html = confirm_page(
            language=language(request.headers.get("accept-language", "")),
            clinic=self._clinic(),
            address=change.old_address or change.present_address,
            new_address=change.new_address,
            done=done,
        )
        return HTMLResponse(html, headers=HEADERS)
