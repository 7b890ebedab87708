"""Asking the DNS, each question once, within a time for each and for all; aliases are followed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import dns.exception
import dns.name
import dns.rdata
import dns.resolver
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT

from nurture.clock import monotonic
from nurture.doctor.answers import Answer, Found

QUESTION_SECONDS = 5.0
ALL_SECONDS = 60.0
_ALIASES = 8  # CNAMEs in a row; more is a circle or a joke
_RECORDS = 100  # of one answer
_DATAGRAM = 1232  # octets that pass every network in one piece

# A question to one place: its answer, or the name that the asked one is an alias of.
Question = Callable[[dns.name.Name, str], "Answer | dns.name.Name"]


class Resolver:
    """Remembers what was asked; ``ask`` never raises, and says `Found.FAILED` when its time is over."""

    def __init__(self, question: Question, *, seconds: float = ALL_SECONDS) -> None:
        self._question = question
        self._end = monotonic() + seconds
        self._known: dict[tuple[str, str], Answer] = {}

    def ask(self, name: str, kind: str) -> Answer:
        """The records of ``kind`` (TXT, MX, A, AAAA) at ``name``."""
        key = (name.rstrip(".").lower(), kind)
        if key not in self._known:
            self._known[key] = self._answer(*key)
        return self._known[key]

    def _answer(self, name: str, kind: str) -> Answer:
        try:
            target = dns.name.from_text(name.encode("ascii").decode("ascii"))
        except (dns.exception.DNSException, UnicodeError):
            return failed(name, kind, "this is no name that the DNS knows")
        for _ in range(_ALIASES):
            if monotonic() > self._end:
                return failed(name, kind, "there was no time left to ask")
            found = self._question(target, kind)
            if isinstance(found, Answer):
                return replace(found, name=name)
            target = found
        return failed(name, kind, f"more than {_ALIASES} aliases (CNAME) follow each other")


def failed(name: str, kind: str, words: str) -> Answer:
    """No answer that counts."""
    return Answer(name, kind, Found.FAILED, words=words)


def network_question(
    servers: Iterable[str] | None = None, *, port: int = 53, seconds: float = QUESTION_SECONDS
) -> Question:
    """Questions to ``servers`` (addresses), by default to those that this machine uses.

    A truncated answer is asked for again over TCP (RFC 7766); ``seconds`` are for both.
    """
    resolver = dns.resolver.Resolver(configure=False)
    configured = True
    if servers is None:
        try:
            resolver = dns.resolver.Resolver()
        except dns.resolver.NoResolverConfiguration:
            configured = False
    else:
        resolver.nameservers, resolver.port = list(servers), port
    resolver.lifetime, resolver.timeout = seconds, seconds / 2
    # a DKIM key seldom fits into 512 octets, and many a router at home knows no TCP (RFC 6891, DNS flag day 2020)
    resolver.use_edns(0, 0, _DATAGRAM)

    def question(name: dns.name.Name, kind: str) -> Answer | dns.name.Name:
        text = name.to_text(omit_final_dot=True)
        if not configured:
            return failed(text, kind, "this machine has no DNS server set up")
        try:
            answer = resolver.resolve(name, kind, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            return Answer(text, kind, Found.NO_NAME)
        except dns.resolver.LifetimeTimeout:
            return failed(text, kind, f"no DNS server answered within {seconds:g} seconds")
        except dns.resolver.NoNameservers as error:
            return failed(text, kind, f"the DNS servers cannot answer: {_reason(error)}")
        except dns.exception.DNSException as error:
            return failed(text, kind, f"the answer makes no sense: {error}")
        except OSError as error:
            return failed(text, kind, f"the DNS cannot be reached: {error.strerror or error}")
        if answer.rrset is None and answer.canonical_name != name:
            return answer.canonical_name  # a server that does not follow aliases to the end
        return answered(text, kind, answer.rrset or ())

    return question


def answered(name: str, kind: str, records: Iterable[dns.rdata.Rdata]) -> Answer:
    """The answer with these records; without any, there are none of this kind."""
    texts = tuple(_text(record) for record, _ in zip(records, range(_RECORDS), strict=False))
    return Answer(name, kind, Found.RECORDS if texts else Found.NO_RECORDS, texts)


def _text(record: dns.rdata.Rdata) -> str:
    if isinstance(record, TXT):
        return b"".join(record.strings).decode("utf-8", "backslashreplace")
    if isinstance(record, MX):
        return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
    return record.to_text()


def _reason(error: dns.resolver.NoNameservers) -> str:
    """What the last server said: SERVFAIL, REFUSED ..."""
    errors = error.kwargs.get("errors") or ()
    return str(errors[-1][3]) if errors else "none of them is usable"
