"""The page on which readers leave: GET only shows, POST acts at once (RFC 8058 3.2).

No login, no cookie, no script, no redirect. Link scanners open every link of a mail, so nothing that opens a page
may change anything. A link that is none of ours gets one and the same answer, whatever is wrong with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from nurture.audience.leaving import Choice, Standing, Way, decide, standing
from nurture.clock import Clock
from nurture.composing.link_tokens import KeyRing, is_genuine, parse_token
from nurture.errors import NurtureError
from nurture.store import Connection, Store, way_out
from nurture.store.leaving import LeftMail, find_mail
from nurture.vocabulary import LinkPurpose
from nurture.web.answers import TROUBLE, UNKNOWN, Answer, read_body, respond
from nurture.web.asking import Asked, asked, token_of
from nurture.web.page import View
from nurture.workspace.settings import Clinic


class LeavePages:
    """The pages as an ASGI application."""

    def __init__(self, store: Store, keys: Callable[[], KeyRing], clinic: Callable[[], Clinic], clock: Clock) -> None:
        self._store, self._keys, self._clinic, self._clock = store, keys, clinic, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            body = await read_body(request) if request.method == "POST" else b""
        except ClientDisconnect:
            return
        response = await asyncio.to_thread(self._respond, request, body)
        await response(scope, receive, send)

    def _respond(self, request: Request, body: bytes | None) -> Response:
        try:
            answer = self._answer(request, body)
        except NurtureError:
            answer = TROUBLE
        return respond(request, answer, self._clinic())

    def _answer(self, request: Request, body: bytes | None) -> Answer:
        if request.method not in ("GET", "HEAD", "POST"):
            return Answer(View.UNKNOWN, 405)
        if body is None:
            return Answer(View.UNKNOWN, 413)
        return self._look(token_of(request.scope["path"]) or "", asked(body) if request.method == "POST" else None)

    def _look(self, text: str, wanted: Asked | None) -> Answer:
        """What a request for a token gets; ``wanted`` None: it only looks."""
        token = parse_token(text)
        if token is None:
            return UNKNOWN
        ring = self._keys()
        with self._store.read() as connection:
            mail = find_mail(connection, token.number)
            if is_genuine(token, ring, LinkPurpose.LEAVE, mail.recipient_key if mail else "") and mail is not None:
                if wanted is None:
                    return _answer(mail, standing(connection, mail))
            elif is_genuine(token, ring, LinkPurpose.PROBE, "") and wanted is not None:
                mail = None
            else:
                return UNKNOWN
        assert wanted is not None, "who only looks has an answer"
        with self._store.write() as connection:
            if mail is None:
                way_out.record_probe(connection, token.number, self._clock.now())
                return Answer(View.LEFT)
            return self._act(connection, token.number, wanted)

    def _act(self, connection: Connection, delivery_id: int, wanted: Asked) -> Answer:
        mail = find_mail(connection, delivery_id)  # as it is now, and stays until this is written
        assert mail is not None, "deliveries are never deleted"
        now = self._clock.now()
        left = decide(connection, mail, wanted.choice, way=Way.ONE_CLICK if wanted.one_click else Way.PAGE, now=now)
        if wanted.choice is Choice.RETURN and not left.everything and not left.topic:
            return Answer(View.RETURNED, address=mail.address)
        return _answer(mail, left)


def _answer(mail: LeftMail, left: Standing) -> Answer:
    view = View.LEFT if left.everything else View.LEFT_TOPIC if left.topic else View.ASK
    return Answer(view, address=mail.address, may_return=left.may_return)
