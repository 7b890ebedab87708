"""A session with a mail server that sends nothing: once without, once with the login."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from nurture.delivery.connection import SmtpConnection, Timeouts
from nurture.delivery.dialing import DialError, dial
from nurture.delivery.routes import Route
from nurture.doctor.relay import Refusal, RelayLookup, Session

_TIMEOUTS = Timeouts(greeting=15, command=15, quit=2)
_SECONDS = 30.0  # for one session in all, against servers that drip


def probe_all(routes: Mapping[Route, tuple[str, ...]], *, seconds: float = _SECONDS) -> tuple[RelayLookup, ...]:
    """All servers at once; each route with the names of its senders. Never raises for what a server does."""

    async def probe_together() -> list[RelayLookup]:
        return await asyncio.gather(*(_probe(route, senders, seconds) for route, senders in routes.items()))

    return tuple(asyncio.run(probe_together()))


async def _probe(route: Route, senders: tuple[str, ...], seconds: float) -> RelayLookup:
    # without the login first: what can be seen of a server must not depend on the password
    session = await _session(replace(route, username=None, password=None), seconds)
    if isinstance(session, Refusal) or not route.username:
        return RelayLookup(route.server, senders, session)
    login = await _session(route, seconds)
    accepted = login if isinstance(login, Refusal) else True
    return RelayLookup(route.server, senders, session, accepted, by_permission=route.grant is not None)


async def _session(route: Route, seconds: float) -> Session | Refusal:
    try:
        async with asyncio.timeout(seconds):
            connection = await dial(route, _TIMEOUTS)
            try:
                return _seen(connection)
            finally:
                await connection.quit()
    except DialError as error:
        return Refusal(error.words, final=error.refused)
    except TimeoutError:
        return Refusal(f"{route.server} did not open a session within {seconds:g} seconds", final=False)


def _seen(connection: SmtpConnection) -> Session:
    tls = connection.tls
    return Session(
        tls=tls.version() if tls else None,
        certificate_ends=_end(tls) if tls else None,
        offers=connection.offers,
        size=connection.size_limit,
    )


def _end(tls: ssl.SSLObject) -> datetime | None:
    certificate = tls.getpeercert() or {}
    text = certificate.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None
