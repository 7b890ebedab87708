"""DMARC: the record of a domain, the organization it belongs to, what the record asks for (RFC 9989; pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nurture.composing.dkim_keys import DnsRecord
from nurture.doctor.answers import Answer
from nurture.doctor.checks import LATER, Check, Judge, publishable, shown
from nurture.doctor.tags import parse_tags

_POLICIES = ("none", "quarantine", "reject")
_GONE = ("pct", "rf", "ri")  # RFC 9989 dropped them
_LONGEST_WALK = 8  # questions (RFC 9989 4.10)


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """A record that counts, found at ``_dmarc.DOMAIN``."""

    domain: str
    text: str
    tags: Mapping[str, str]

    @property
    def reports_to(self) -> tuple[str, ...]:
        """The addresses of ``rua`` (RFC 9990); others than mail are left out."""
        uris = [uri.strip() for uri in self.tags.get("rua", "").split(",")]
        return tuple(uri[7:].partition("!")[0] for uri in uris if uri.lower().startswith("mailto:") and "@" in uri)


@dataclass(frozen=True, slots=True)
class DmarcWalk:
    """What the questions for ``domain`` and all above it brought, from below; ``permits`` by domain of ``rua``."""

    domain: str
    answers: tuple[tuple[str, Answer], ...]
    permits: tuple[tuple[str, Answer], ...] = ()

    @property
    def records(self) -> tuple[DmarcRecord, ...]:
        """The records that count, from below."""
        found = (dmarc_record(domain, answer) for domain, answer in self.answers)
        return tuple(record for record in found if record is not None)

    @property
    def failure(self) -> Answer | None:
        """The first question that nobody answered."""
        return next((answer for _, answer in self.answers if answer.failed), None)

    @property
    def organization(self) -> str:
        """The organizational domain (RFC 9989 4.10.2)."""
        for record in self.records:
            if record.tags.get("psd") == "n":
                return record.domain
            if record.tags.get("psd") == "y" and record.domain != self.domain:
                return one_label_below(self.domain, record.domain)
        return self.records[-1].domain if self.records else self.domain

    @property
    def record(self) -> DmarcRecord | None:
        """The record that holds for the domain: its own, else that of its organization, else the one above."""
        for domain in (self.domain, self.organization):
            for record in self.records:
                if record.domain == domain:
                    return record
        return self.records[-1] if self.records else None


def walk_names(domain: str) -> tuple[str, ...]:
    """The domains to ask, from below: at most eight, whatever its length (RFC 9989 4.10)."""
    labels = domain.rstrip(".").lower().split(".")
    above = labels[1:] if len(labels) < _LONGEST_WALK else labels[-(_LONGEST_WALK - 1) :]
    return (".".join(labels), *(".".join(above[start:]) for start in range(len(above))))


def one_label_below(domain: str, above: str) -> str:
    """The part of ``domain`` with one label more than ``above``."""
    return ".".join(domain.split(".")[-(above.count(".") + 2) :])


def dmarc_texts(answer: Answer) -> tuple[str, ...]:
    """Those of the TXT records that say they are DMARC: ``v=DMARC1`` first, in this case."""
    return tuple(text for text in answer.records if text.split(";")[0].replace(" ", "") == "v=DMARC1")


def dmarc_record(domain: str, answer: Answer) -> DmarcRecord | None:
    """The record at a domain; None without one, and where several or a broken one count for nothing."""
    texts = dmarc_texts(answer)
    if len(texts) != 1:
        return None
    try:
        return DmarcRecord(domain, texts[0], parse_tags(texts[0]))
    except ValueError:
        return None


def judge_dmarc(walk: DmarcWalk, *, report_to: str) -> Check:
    """Whether the domain says what shall become of false mail; ``report_to`` is an address of the clinic."""
    judge = Judge("dmarc", walk.domain)
    own = walk.answers[0][1]
    record = walk.record
    if walk.failure is not None and (record is None or own.failed):
        return judge.unknown(f"{shown(walk.failure.name)}: {shown(walk.failure.words)}", LATER)
    several = dmarc_texts(own)
    if len(several) > 1:
        return judge.fail(
            f"{len(several)} DMARC records at _dmarc.{walk.domain}, so none counts: {shown(' | '.join(several))}",
            "Leave one of them.",
        )
    if record is None:
        value = f"v=DMARC1; p=none; rua=mailto:{report_to}"
        seen = f"{shown(own.records[0])} counts for nothing" if own.records else "there is no DMARC record"
        return judge.fail(
            f"{seen} at _dmarc.{walk.domain}",
            "Publish this TXT record; Gmail, Yahoo and Outlook ask for one.",
            DnsRecord(f"_dmarc.{walk.domain}", value),
        )
    return _judge_record(judge, walk, record, report_to)


def _judge_record(judge: Judge, walk: DmarcWalk, record: DmarcRecord, report_to: str) -> Check:
    seen = shown(record.text, 160)
    if record.domain != walk.domain:
        seen += f" (at _dmarc.{record.domain})"
    place = f"_dmarc.{record.domain}"
    policy = record.tags.get("p", "").lower()
    if policy not in _POLICIES:
        mended = publishable(place, _changed(record, p="none"))
        if record.reports_to:
            return judge.warn(
                f"{seen}: p= is none of {', '.join(_POLICIES)}, and counts as none", "Say what you mean.", mended
            )
        return judge.fail(f"{seen}: without a valid p= it counts for nothing", "Publish this instead.", mended)
    if not record.reports_to:
        mended = publishable(place, _changed(record, rua=f"mailto:{report_to}"))
        return judge.warn(
            f"{seen}: nobody gets the reports (rua)",
            "Add rua, to hear who sends mail in your name (RFC 9990).",
            mended,
        )
    gone = [name for name in _GONE if name in record.tags]
    if gone:
        mended = publishable(place, _changed(record, **dict.fromkeys(gone)))
        return judge.warn(
            f"{seen}: RFC 9989 has no {', '.join(gone)} any more", "Take them out: publish this in its place.", mended
        )
    if record.tags.get("t") == "y":
        mended = publishable(place, _changed(record, t=None))
        return judge.warn(f"{seen}: t=y asks that the policy is not applied in full", "Take t=y out in time.", mended)
    for domain, answer in walk.permits:
        if answer.missing or (answer.records and not dmarc_texts(answer)):
            allow = publishable(f"{record.domain}._report._dmarc.{domain}", "v=DMARC1")
            return judge.warn(
                f"{seen}: {shown(domain, 80)} does not say that it takes reports about {record.domain}",
                f"Let {shown(domain, 80)} publish this TXT record (RFC 9990 4), or have reports sent to your domain.",
                allow,
            )
    return judge.ok(seen)


def _changed(record: DmarcRecord, **changes: str | None) -> str:
    """The record's text with tags changed, or taken out (None); ``p`` stays where older readers look for it."""
    tags: dict[str, str | None] = {"v": "DMARC1", "p": None, **record.tags, **changes}
    return "; ".join(f"{name}={value}" for name, value in tags.items() if value)
