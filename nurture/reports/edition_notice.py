"""The head of the owner's notice in words: who gets an edition, when, who does not, and how to stop it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from nurture.delivery.finishing import Finish
from nurture.planning.figures import Figures, MailKind
from nurture.planning.gates import REASONS_IN_WORDS
from nurture.store.editions import EditionId
from nurture.vocabulary import SkipReason


class Standing(StrEnum):
    """Whether an edition may leave."""

    GOES = "goes"  # by itself, at its time
    APPROVED = "approved"  # somebody let it go
    WAITS = "waits"  # for somebody's word
    HELD = "held"  # somebody held it


@dataclass(frozen=True, slots=True)
class NoticeFacts:
    """What a notice tells. ``who`` is the campaign's rule in words; ``by`` let it go, or held it.

    ``changed``: another content was shown before; ``made``: its time has come. Instants are UTC, ``expires_at`` is the
    last in which it may leave.
    """

    id: EditionId
    due_at: datetime
    expires_at: datetime
    figures: Figures
    finish: Finish
    who: str
    standing: Standing
    by: str = ""
    changed: bool = False
    made: bool = False


def notice_subject(facts: NoticeFacts, zone: ZoneInfo) -> str:
    """``Please approve: partner-news goes to 143 people on Tue 1 Dec at 09:30``."""
    begins = {Standing.WAITS: "Please approve: ", Standing.HELD: "Held: "}.get(facts.standing, "Notice: ")
    return f"{'Changed. ' if facts.changed else ''}{begins}{_goes(facts, zone)}"


def notice_head(facts: NoticeFacts, zone: ZoneInfo) -> tuple[str, ...]:
    """The paragraphs; those that begin with four blanks are commands. Times are in ``zone``, the clinic's."""
    return tuple(_head(facts, zone))


def label_of(kind: MailKind, mails: int) -> str:
    """Who gets this very mail: ``For 97 of 143 people: healthcare provider``."""
    others = "" if kind.mails < mails else ", all of them"
    return f"For {kind.mails} of {_people(mails)}{others}: {kind.variant.replace('_', ' ')}"


def day_and_time(instant: datetime, zone: ZoneInfo) -> str:
    """``Tue 1 Dec at 09:30`` in ``zone``."""
    local = instant.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b} at {local:%H:%M}"


def reasons_in_words(reasons: Mapping[SkipReason, int]) -> tuple[str, ...]:
    """``5 because there is no consent that allows this mail``, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    return tuple(f"{number} because {REASONS_IN_WORDS[reason]}" for reason, number in ordered)


def _head(facts: NoticeFacts, zone: ZoneInfo) -> Iterator[str]:
    changed = "It was changed after the last notice; what that one showed does not count any more. "
    yield f"{changed if facts.changed else ''}{_goes(facts, zone)}."
    yield from _standing(facts, zone)
    yield f"Who is meant: {facts.who}."
    if left_out := facts.figures.left_out:
        reasons = "\n".join(f"- {words}" for words in reasons_in_words(facts.figures.reasons))
        yield f"{_people(left_out)} {'is' if left_out == 1 else 'are'} left out:\n{reasons}"
    else:
        yield "Nobody is left out."
    yield _finish(facts, zone)
    kinds = facts.figures.one_of_each()
    if kinds:
        mails = "is the mail as its readers get it" if len(kinds) == 1 else "are the mails as readers get them"
        news = ", with the news that most of them get" if any(kind.news_ids for kind in kinds) else ""
        yield f"Below {mails}{news}, written to somebody made up. The links by which readers leave do nothing here."


def _standing(facts: NoticeFacts, zone: ZoneInfo) -> Iterator[str]:
    name, until = facts.id, day_and_time(facts.expires_at, zone)
    if facts.standing is Standing.WAITS:
        yield f"Nothing leaves before you say so. To let it go, type on the clinic's computer, before {until}:"
        yield f"    nurture approve {name}"
        yield "Without that nobody gets it."
        return
    if facts.standing is Standing.HELD:
        yield f"It is held ({facts.by}). To let it go, type on the clinic's computer, before {until}:"
        yield f"    nurture approve {name}"
        return
    if facts.standing is Standing.APPROVED:
        yield f"Approved by {facts.by}. To stop it, type on the clinic's computer:"
    else:
        yield "It leaves by itself. To stop it, type on the clinic's computer:"
    yield f"    nurture hold {name}"


def _goes(facts: NoticeFacts, zone: ZoneInfo) -> str:
    when = f"{', due since' if facts.made else ' on'} {day_and_time(facts.due_at, zone)}"
    return f"{facts.id.campaign} goes to {_people(facts.figures.mails)}{when}"


def _finish(facts: NoticeFacts, zone: ZoneInfo) -> str:
    if facts.finish.at is None:
        return (
            f"None of it can leave before {day_and_time(facts.expires_at, zone)}: the sender's limits do not allow it."
        )
    ends = f"It finishes about {day_and_time(facts.finish.at, zone)}, by the sender's limits and the windows."
    if facts.finish.too_late:
        ends += f" {facts.finish.too_late} mails will not have left by then and expire: allow more, or a longer `late`."
    return ends


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"
