"""Whether the clinic's mail server may send for the domain of the envelope (RFC 7208; pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from nurture.composing.dkim_keys import DnsRecord
from nurture.doctor.answers import Answer
from nurture.doctor.checks import LATER, Check, Judge, publishable, shown
from nurture.doctor.relays import KnownRelay
from nurture.doctor.spf_record import SpfRecord, Term, parse_spf, spf_texts

MOST_LOOKUPS = 10  # RFC 7208 4.6.4
MOST_VOID = 2  # lookups that find nothing; also there


@dataclass(frozen=True, slots=True)
class SpfStep:
    """A term that asks the DNS: what it led to. ``answers`` are the addresses of `a` and `mx`."""

    term: Term
    inner: SpfTree | None = None  # of include and redirect
    answers: tuple[Answer, ...] = ()
    circle: bool = False  # it leads back to a domain above

    @property
    def is_void(self) -> bool:
        """Whether it found nothing."""
        if self.inner is not None:
            return self.inner.answer.missing
        return bool(self.answers) and all(answer.missing for answer in self.answers)


@dataclass(frozen=True, slots=True)
class SpfTree:
    """The record of a domain and of all that it names; ``cut`` where there was no end to it."""

    domain: str
    answer: Answer
    steps: tuple[SpfStep, ...] = ()
    cut: bool = False

    @property
    def record(self) -> SpfRecord | None:
        """The one record that counts, if it can be read."""
        texts = spf_texts(self.answer)
        try:
            return parse_spf(texts[0]) if len(texts) == 1 else None
        except ValueError:
            return None

    def trees(self) -> Iterator[SpfTree]:
        """This one and all below it."""
        yield self
        for step in self.steps:
            if step.inner is not None:
                yield from step.inner.trees()


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that carries the mail: its name and addresses, and who runs it, if that is known."""

    host: str
    addresses: tuple[str, ...] = ()
    known: KnownRelay | None = None


def judge_spf(tree: SpfTree, relay: Relay | None) -> Check:
    """Whether the record of ``tree.domain`` can be used, and lets ``relay`` send where that can be told."""
    judge = Judge("spf", tree.domain)
    if tree.answer.failed:
        return judge.unknown(f"{tree.domain}: {shown(tree.answer.words)}", LATER)
    texts = spf_texts(tree.answer)
    if not texts:
        return judge.fail(f"there is no SPF record at {tree.domain}", *_publish(tree.domain, relay))
    if len(texts) > 1:
        return judge.fail(
            f"{len(texts)} SPF records, so none counts: {shown(' | '.join(texts))}",
            "Leave one that has the terms of all (RFC 7208 4.5).",
        )
    steps = [step for part in tree.trees() for step in part.steps]
    seen = f"{shown(texts[0])} ({'more than ' if tree.cut else ''}{len(steps)} of {MOST_LOOKUPS} lookups)"
    fault = next(_faults(tree), None)
    if fault is not None:
        return judge.fail(f"{seen}: {fault[0]}", fault[1])
    if len(steps) > MOST_LOOKUPS:
        return judge.fail(
            f"{seen}: receivers stop there, and nobody passes",
            "Take out the services that no longer send for you (RFC 7208 4.6.4).",
        )
    void = [step for step in steps if step.is_void]
    if len(void) > MOST_VOID:
        names = ", ".join(str(step.term) for step in void[:4])
        return judge.fail(f"{seen}: {len(void)} lookups find nothing ({names})", "Take these terms out.")
    unanswered = next(_unanswered(tree), None)
    if unanswered is not None:
        return judge.unknown(f"{seen}: {shown(unanswered.name, 80)}: {shown(unanswered.words)}", LATER)
    return _judge_reach(judge, tree, seen, relay)


def _judge_reach(judge: Judge, tree: SpfTree, seen: str, relay: Relay | None) -> Check:
    """Who passes: everybody, too few, or the relay."""
    record = tree.record
    assert record is not None
    last = _last(tree)
    ended = None  # by us; behind a redirect the end stands in another record
    if record.last is None or record.last.name == "all":
        ended = publishable(tree.domain, _with_all(record, "~all"))
    if last is not None and last.name == "all" and last.qualifier == "+":
        return judge.fail(
            f"{seen}: +all lets everybody send in your name",
            "Put ~all in its place.",
            ended,
        )
    missing = _misses(tree, record, relay)
    if missing is not None:
        mended = publishable(tree.domain, _including(record, missing.include))
        words = f"{seen}: {missing.name} sends your mail, and include:{missing.include} is not in it"
        networks = any(
            term.name in ("ip4", "ip6") for part in tree.trees() if part.record for term in part.record.terms
        )
        if missing.own_envelope or networks:  # then it may pass all the same
            return judge.warn(words, f"Publish this, unless {missing.name} told you otherwise.", mended)
        return judge.fail(words, "Publish this in its place.", mended)
    if last is None or (last.name == "all" and last.qualifier == "?"):
        return judge.warn(
            f"{seen}: it says nothing about servers that it does not name",
            "Let it end with ~all.",
            ended,
        )
    if any(term.name == "ptr" for term in record.terms):
        return judge.warn(
            f"{seen}: ptr is slow, and some receivers skip it (RFC 7208 5.5)", "Name the servers instead."
        )
    return judge.ok(f"{seen}; {_reach(tree, relay)}")


def _faults(tree: SpfTree) -> Iterator[tuple[str, str]]:
    """What makes receivers stop with an error (RFC 7208 2.6.7), and how to mend it."""
    texts = spf_texts(tree.answer)
    if len(texts) == 1 and tree.record is None:
        try:
            parse_spf(texts[0])
        except ValueError as error:
            yield f"{shown(tree.domain, 80)}: {error}", "Correct this term."
    for step in tree.steps:
        if step.circle:
            yield f"{step.term} leads back to itself", "Take this term out."
        inner = step.inner
        if inner is None:
            continue
        found = len(spf_texts(inner.answer))
        if not inner.answer.failed and found != 1:
            words = "has no SPF record" if found == 0 else f"has {found} SPF records"
            yield f"{shown(inner.domain, 80)}, which {step.term} names, {words}", "Correct or take out this term."
        yield from _faults(inner)


def _unanswered(tree: SpfTree) -> Iterator[Answer]:
    for part in tree.trees():
        if part.answer.failed:
            yield part.answer
        for step in part.steps:
            yield from (answer for answer in step.answers if answer.failed)


def _last(tree: SpfTree) -> Term | None:
    """The term that decides about all others, behind redirects."""
    record = tree.record
    last = record.last if record else None
    if last is not None and last.name == "redirect":
        inner = next((step.inner for step in tree.steps if step.term == last), None)
        return _last(inner) if inner is not None else last
    return last


def _misses(tree: SpfTree, record: SpfRecord, relay: Relay | None) -> KnownRelay | None:
    """The company that runs the relay, if its servers are not let in."""
    if relay is None or relay.known is None or _lets_in(tree, relay):
        return None
    named = {part.domain.lower() for part in tree.trees()}
    named |= {term.value.lower() for term in record.terms if term.name in ("include", "redirect")}
    return None if relay.known.include in named else relay.known


def _reach(tree: SpfTree, relay: Relay | None) -> str:
    if relay is None:
        return "which server sends is not known yet"
    if _lets_in(tree, relay):
        return f"it lets {shown(relay.host, 80)} send"
    if relay.known is not None:
        return f"it lets {relay.known.name} send"
    return f"whether the servers behind {shown(relay.host, 80)} are among them, only its owner knows"


def _lets_in(tree: SpfTree, relay: Relay) -> bool:
    """Whether an address of the relay itself passes; it may still send from others."""
    networks = []
    for part in tree.trees():
        for term in part.record.terms if part.record else ():
            if term.name in ("ip4", "ip6") and term.qualifier == "+":
                networks.append(ipaddress.ip_network(term.value, strict=False))
        hosts = (step for step in part.steps if step.term.name in ("a", "mx") and step.term.qualifier == "+")
        texts = (text for step in hosts for answer in step.answers for text in answer.records)
        networks += [ipaddress.ip_network(text) for text in texts if " " not in text]
    addresses = [ipaddress.ip_address(address) for address in relay.addresses]
    return any(address in network for address in addresses for network in networks)


def _publish(domain: str, relay: Relay | None) -> tuple[str, DnsRecord | None]:
    if relay is not None and relay.known is not None:
        return "Publish this TXT record.", DnsRecord(domain, f"v=spf1 include:{relay.known.include} ~all")
    return (
        "Publish one TXT record `v=spf1 include:… ~all`; your mail provider says what to include.",
        None,
    )


def _including(record: SpfRecord, domain: str) -> str:
    head, _, rest = record.text.partition(" ")
    return f"{head} include:{domain} {rest}".rstrip()


def _with_all(record: SpfRecord, last: str) -> str:
    words = [word for word in record.text.split() if word.lower().lstrip("+-~?") != "all"]
    return " ".join([*words, last])
