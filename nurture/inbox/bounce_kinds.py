"""What a server's reason says about an address: `bounce_kinds.toml` first, the table of answers for the rest.

While a mail leaves, the server's own number is in hand and decides (`delivery/replies.toml`).
What comes back was told by one program to another, and the number is often lost or
made up on the way; so words are asked first here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from nurture.delivery.replies import judge
from nurture.inbox.word_lists import any_of, read_words
from nurture.vocabulary import AttemptPhase, BounceKind, Verdict

_MAX_WORDS = 2000
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,2}\.\d{1,3})(?![\d.]*\d)")
_CODE = re.compile(r"(?<![\w.#-])(42[15]|45[0-5]|50[0-4]|51[0-5]|52[0-5]|53[0-8]|541|55[0-7]|571)(?=[ \-:]|$)")
# the code and status that stand before each line of an answer (RFC 5321 4.2.1)
_REPEATED = re.compile(r"(?<=\S )[245]\d\d[ -][245]\.\d{1,2}\.\d{1,3}(?= )")
_PHASES = (
    (AttemptPhase.BODY, re.compile(r"end of data|after i sent the message|\[body\]|in reply to end|message body")),
    (
        AttemptPhase.DATA,
        re.compile(
            r"reply to data|after data|for text command|>>> ?data\s+<<< ?[45]|command\s+data\b|\[data\]|data command"
        ),
    ),
    (AttemptPhase.RCPT, re.compile(r"rcpt[ _]to|rcpt command|\brcpt\b|not like recipient")),
    (
        AttemptPhase.MAIL,
        re.compile(
            r"(?:after|reply to|\[) ?mail[ _]from|>>> mail from[^\n<]{0,9}<[^>\n]{0,200}>[^\n<]{0,40}\s+<<< ?5"
            r"|sender was rejected"
        ),
    ),
)
_OF_VERDICT = {
    Verdict.SENT: BounceKind.DELIVERED,
    Verdict.RETRY: BounceKind.SOFT,
    Verdict.FAIL_MESSAGE: BounceKind.SOFT,
    Verdict.FAIL_ADDRESS: BounceKind.HARD,
    Verdict.STOP_SENDER: BounceKind.SENDER,
}
_OF_ACTION = {
    "delayed": BounceKind.DELAYED,
    "delivered": BounceKind.DELIVERED,
    "relayed": BounceKind.DELIVERED,
    "expanded": BounceKind.DELIVERED,
    "deliverable": BounceKind.DELIVERED,  # Postfix: the answer to a probe
}


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a mail came back. ``words`` in lower case; ``phase`` is None where nobody told it."""

    words: str
    status: str | None
    code: int | None
    phase: AttemptPhase | None


@dataclass(frozen=True, slots=True)
class _Rule:
    kind: BounceKind
    words: re.Pattern[str] | None
    unless: re.Pattern[str] | None
    status: re.Pattern[str] | None
    code: re.Pattern[str] | None
    phases: frozenset[AttemptPhase]

    def fits(self, reason: Reason) -> bool:
        return (
            (not self.phases or reason.phase in self.phases)
            and (self.status is None or self.status.fullmatch(reason.status or "") is not None)
            and (self.code is None or self.code.fullmatch(str(reason.code or "")) is not None)
            and (self.words is None or self.words.search(reason.words) is not None)
            and (self.unless is None or self.unless.search(reason.words) is None)
        )


@cache
def _rules() -> tuple[_Rule, ...]:
    table = read_words("bounce_kinds.toml")
    return tuple(_rule(entry, table["words"]) for entry in table["rule"])


def _rule(entry: dict[str, Any], words: dict[str, list[str]]) -> _Rule:
    def named(key: str) -> re.Pattern[str] | None:
        names = entry.get(key)
        return any_of([phrase for name in names for phrase in words[name]]) if names else None

    return _Rule(
        kind=BounceKind(entry["kind"]),
        words=named("words"),
        unless=named("unless"),
        status=re.compile(entry["status"]) if "status" in entry else None,
        code=re.compile(entry["code"]) if "code" in entry else None,
        phases=frozenset(map(AttemptPhase, entry.get("phases", ()))),
    )


def reason_of(words: str, *, status: str | None = None, context: str = "") -> Reason:
    """Take a reason apart. ``status`` is the report's own; ``context`` tells the phase where the reason does not.

    The code that the last server gave stands in its words, and says more than a report's ``5.0.0``.
    """
    words = " ".join(words[:_MAX_WORDS].lower().split())
    codes = _CODE.findall(words)
    told = _STATUS.findall(words)
    code = int(codes[0]) if codes else None
    if told and (status is None or status.endswith(".0.0") or told[-1] != status):
        status = told[-1]
    phase = _phase(words) or _phase(context[:_MAX_WORDS].lower())
    words = _REPEATED.sub("", words).replace("  ", " ")
    return Reason(words, status, code, phase)


def _phase(words: str) -> AttemptPhase | None:
    if "need rcpt" in words:
        return AttemptPhase.RCPT  # a pipelining sender prints its DATA before the answer to RCPT
    return next((phase for phase, pattern in _PHASES if pattern.search(words)), None)


def kind_in_words(reason: Reason) -> BounceKind | None:
    """What the words of the reason say; None where they fit no rule."""
    return next((rule.kind for rule in _rules() if rule.fits(reason)), None)


def bounce_kind(reason: Reason, action: str = "") -> BounceKind:
    """What the reason means for the address; ``action`` is the report's (RFC 3464 2.3.3), lower case."""
    if action in _OF_ACTION:
        return _OF_ACTION[action]
    kind = kind_in_words(reason)
    if kind is not None:
        return kind
    if reason.code is None and reason.status is None:
        return BounceKind.SOFT
    code = reason.code or {"2": 250, "4": 450}.get((reason.status or "5")[0], 550)
    if code < 400:
        return BounceKind.SOFT  # a failure with a number of success says nothing
    return _OF_VERDICT[judge(reason.phase or AttemptPhase.RCPT, code, reason.status, reason.words)]
