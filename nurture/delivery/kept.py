"""The form of an answer in a journal: a slot of fixed size with a checksum. Pure.

A slot counts only if its checksum fits, so one that a power cut tore is as
good as empty.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from nurture.vocabulary import AttemptOutcome, AttemptPhase, Verdict

SLOT = 2048  # bytes
_NAME = b"nurture"
_VERSION = b"\x01"
_DIGEST = 16
_HEAD = len(_NAME) + 1 + _DIGEST + 2  # the name, the version, the checksum, the length


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """How a try ended, with all that settles it later; no person's address.

    ``outcome`` and ``again_at`` (UTC) are decided: a refusal for now has the
    time of its next try. ``at`` is when the answer was read.
    """

    delivery_id: int
    claim: int
    attempt_id: int
    outcome: AttemptOutcome
    phase: AttemptPhase
    verdict: Verdict | None
    code: int | None
    enhanced: str | None
    words: str | None
    at: datetime
    again_at: datetime | None = None

    def to_slot(self) -> bytes:
        """One slot; words that are too long for it are cut."""
        answer = self
        while len(payload := json.dumps(asdict(answer), default=datetime.isoformat).encode()) > SLOT - _HEAD:
            words = answer.words or ""
            answer = replace(answer, words=words[: len(words) * 3 // 4])
        checked = len(payload).to_bytes(2, "big") + payload
        return (_NAME + _VERSION + _checksum(checked) + checked).ljust(SLOT, b"\0")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a journal holds. ``spoiled`` slots are torn or damaged, ``foreign`` ones of another version."""

    answers: tuple[KeptAnswer, ...]
    spoiled: int = 0
    foreign: int = 0


def parse(text: bytes) -> Contents:
    """The answers in a journal's bytes, whatever happened to them; never raises."""
    slots = [text[start : start + SLOT] for start in range(0, len(text), SLOT)]
    used = [slot for slot in slots if slot.strip(b"\0")]
    answers = [answer for slot in used if (answer := _parse_slot(slot)) is not None]
    foreign = sum(slot.startswith(_NAME) and slot[len(_NAME) :][:1] not in (b"", b"\0", _VERSION) for slot in used)
    return Contents(tuple(answers), spoiled=len(used) - len(answers) - foreign, foreign=foreign)


def _parse_slot(slot: bytes) -> KeptAnswer | None:
    head, digest, checked = slot[: len(_NAME) + 1], slot[len(_NAME) + 1 : _HEAD - 2], slot[_HEAD - 2 :]
    if head != _NAME + _VERSION:
        return None
    checked = checked[: 2 + int.from_bytes(checked[:2], "big")]
    if digest != _checksum(checked):
        return None
    found = json.loads(checked[2:])
    return KeptAnswer(
        **{
            **found,
            "outcome": AttemptOutcome(found["outcome"]),
            "phase": AttemptPhase(found["phase"]),
            "verdict": Verdict(found["verdict"]) if found["verdict"] else None,
            "at": datetime.fromisoformat(found["at"]),
            "again_at": datetime.fromisoformat(found["again_at"]) if found["again_at"] else None,
        }
    )


def _checksum(checked: bytes) -> bytes:
    return hashlib.blake2b(checked, digest_size=_DIGEST).digest()
