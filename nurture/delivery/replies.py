"""What one answer of a mail server means. One table, `replies.toml`; the first rule that fits decides.

A client acts on the reply code (RFC 5321 4.3.2); enhanced code and words only
tell apart what one code means at different servers.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from nurture.address import clean_text
from nurture.vocabulary import AttemptPhase, Verdict

_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})\b[ :]*")
_WITHOUT_CONNECT = tuple(phase for phase in AttemptPhase if phase is not AttemptPhase.CONNECT)


class Slows(StrEnum):
    """What an answer asks to be sent to more slowly."""

    SENDER = "sender"  # all that goes over this mail account
    PROVIDER = "provider"  # only the recipient's provider


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: the code, the enhanced code if there is one, and the words on one line."""

    code: int
    enhanced: str | None
    text: str


def parse_reply(code: int, text: str) -> Reply:
    """Take apart an answer whose lines are joined by line feeds.

    An enhanced code of another class than the code is ignored (RFC 2034 4). The
    words are cleaned: a server may say anything, and they go to logs and terminals.
    """
    enhanced = None
    words = []
    for line in text.splitlines():
        found = _ENHANCED.match(line)
        if found and found[1][0] == str(code)[0]:
            enhanced = enhanced or found[1]
            words.append(line[found.end() :].strip())
        else:
            words.append(line.strip())
    return Reply(code, enhanced, clean_text(" ".join(words)))


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the table; a pattern that is None fits all."""

    verdict: Verdict
    phases: tuple[AttemptPhase, ...]
    code: re.Pattern[str]
    enhanced: re.Pattern[str] | None
    words: re.Pattern[str] | None
    slows: Slows | None
    renews: bool  # a new session may take the mail at once
    source: str

    def fits(self, phase: AttemptPhase, reply: Reply) -> bool:
        """Whether this rule is about such an answer."""
        return (
            phase in self.phases
            and self.code.fullmatch(str(reply.code)) is not None
            and (self.enhanced is None or self.enhanced.fullmatch(reply.enhanced or "") is not None)
            and (self.words is None or self.words.search(reply.text) is not None)
        )


@cache
def rules() -> tuple[Rule, ...]:
    """The table, in the order in which it decides."""
    table = tomllib.loads(files(__package__).joinpath("replies.toml").read_text(encoding="utf-8"))
    # long alternatives are folded in the file
    words = {name: re.compile(text.replace("\n", ""), re.IGNORECASE) for name, text in table["words"].items()}
    return tuple(_rule(entry, words) for entry in table["rule"])


def _rule(entry: dict[str, Any], words: dict[str, re.Pattern[str]]) -> Rule:
    return Rule(
        verdict=Verdict(entry["verdict"]),
        phases=tuple(map(AttemptPhase, entry.get("phases", _WITHOUT_CONNECT))),
        code=re.compile(entry["code"]),
        enhanced=re.compile(entry["enhanced"]) if "enhanced" in entry else None,
        words=words[entry["words"]] if "words" in entry else None,
        slows=Slows(entry["slows"]) if "slows" in entry else None,
        renews=entry.get("renews", False),
        source=entry["source"],
    )


def deciding_rule(phase: AttemptPhase, reply: Reply) -> Rule | None:
    """The rule that decides, with its source."""
    return next((rule for rule in rules() if rule.fits(phase, reply)), None)


def judge(phase: AttemptPhase, code: int, enhanced: str | None, text: str) -> Verdict:
    """What an answer means that was read in ``phase``.

    ``phase`` names the command it answers: ``data`` the DATA command, ``body``
    the dot. A code that fits no rule (1xx, 3xx where none belongs) means that
    the two sides lost step: retry, on a new connection. After the body such a
    code answers nothing, so the caller must take it for silence instead.
    """
    rule = deciding_rule(phase, Reply(code, enhanced, text))
    return rule.verdict if rule else Verdict.RETRY
