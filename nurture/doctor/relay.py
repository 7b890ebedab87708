"""Whether the mail server is there, safe, and lets us in (RFC 5321, 8314, 9325, 4954, 1870; pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from nurture.doctor.checks import Check, Judge, shown

SOON_DAYS = 21  # days before a certificate's end; whoever renews by a program has done it by then
_NOTED = ("PIPELINING", "DSN", "SMTPUTF8", "8BITMIME", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True, slots=True)
class Session:
    """What a session with the mail server showed. ``tls`` is None in clear, ``size`` in octets, None: no limit told."""

    tls: str | None
    certificate_ends: datetime | None
    offers: tuple[str, ...]
    size: int | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there was none, in words without secrets; ``final`` where trying again would not help."""

    words: str
    final: bool


@dataclass(frozen=True, slots=True)
class RelayLookup:
    """A mail server (``host:port``) as the account of ``senders`` meets it; ``login`` is None without a username.

    ``by_permission``: it logs in with what `nurture login` obtained, not with a password.
    """

    server: str
    senders: tuple[str, ...]
    session: Session | Refusal
    login: bool | Refusal | None = None
    by_permission: bool = False

    @property
    def about(self) -> str:
        """Server and senders, for people."""
        return f"{self.server} ({', '.join(self.senders)})"


def judge_relay(lookup: RelayLookup, *, largest: int, now: datetime) -> Iterator[Check]:
    """Reachable, TLS, login, size; ``largest`` is our largest mail in octets."""
    judge = Judge("relay", lookup.about)
    settings = f"senders.{lookup.senders[0]}.smtp"
    session = lookup.session
    if isinstance(session, Refusal):
        words = shown(session.words)
        if session.final:
            yield judge.fail(words, f"Mend {settings} in nurture.yaml, or ask who runs the server.")
        else:
            yield judge.fail(words, f"Check host and port in {settings}, the network and the firewall; then try again.")
        return
    noted = [word for word in _NOTED if word in session.offers]
    yield judge.ok(f"answers; offers {', '.join(noted) or 'none of ' + ', '.join(_NOTED)}")
    yield _tls(lookup.about, session, now)
    if lookup.login is not None:
        yield _login(lookup, settings)
    yield _size(lookup.about, session, largest)


def _tls(about: str, session: Session, now: datetime) -> Check:
    judge = Judge("tls", about)
    if session.tls is None:
        return judge.ok("no TLS, and none is needed: the server is this machine")
    if session.certificate_ends is None:
        return judge.unknown(f"{session.tls}; the certificate does not say when it ends")
    days = (session.certificate_ends - now).days
    left = "1 day" if days == 1 else f"{days} days"
    seen = f"{session.tls}, certificate verified, valid until {session.certificate_ends:%Y-%m-%d} ({left})"
    if days < SOON_DAYS:
        return judge.warn(seen, "Ask who runs the server to renew it: without it no mail leaves.")
    return judge.ok(seen)


def _login(lookup: RelayLookup, settings: str) -> Check:
    judge = Judge("login", lookup.about)
    if isinstance(lookup.login, Refusal):
        words = shown(lookup.login.words)
        if not lookup.login.final:
            return judge.unknown(words, "Try again later.")
        if lookup.by_permission:
            return judge.fail(words, f"Give the permission anew: nurture login {lookup.senders[0]}")
        return judge.fail(words, f"Mend username or password of {settings}; some providers want an app password.")
    return judge.ok(f"username and {'permission' if lookup.by_permission else 'password'} are accepted")


def _size(about: str, session: Session, largest: int) -> Check:
    judge = Judge("size", about)
    ours = f"our largest mail has {largest / 1_000_000:.1f} MB"
    if session.size is None:
        return judge.ok(f"the server names no limit; {ours}")
    seen = f"takes mails up to {session.size / 1_000_000:.1f} MB; {ours}"
    if session.size < largest:
        return judge.warn(seen, "Use smaller images, or ask who runs the server for a higher limit.")
    return judge.ok(seen)
