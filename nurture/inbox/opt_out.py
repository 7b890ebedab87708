"""Whether a person asks in plain words for no more mails. Pure words: what follows from it is decided elsewhere."""

from __future__ import annotations

import re
from functools import cache

from nurture.inbox.word_lists import any_of, read_words

_MAX_WORDS = 3000  # who wants to leave says so near the beginning
_SENTENCE = re.compile(r"(?<=[.!?。！？;])\s+|\n{2,}")
_POLITE = re.compile(
    r"^(?:(?:please|pls|plz|kindly|hi|hello|hey|dear \w+|bitte|por favor|s.il vous pla[iî]t|svp|merci|per favore"
    r"|alstublieft|aub|graag|prosz[eę]|пожалуйста|请|請|お願いします)\b[\s,.!]*)+"
    r"|[\s,.!]*(?:please|thanks?(?: you)?|thx|bitte|danke|gracias|por favor|merci|svp|grazie|obrigad[oa]|bedankt|tack"
    r"|dzi[eę]kuj[eę]|спасибо|谢谢|お願いします|してください|を希望します|です)[\s,.!。]*$",
    re.IGNORECASE,
)
_MARKS = re.compile(r"^[\W_]+|[\W_]+$")
_REPLY_PREFIX = re.compile(r"^\s*(?:re|aw|sv|antw|fwd?|wg|rif|odp)\s*[:：]", re.IGNORECASE)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    table = read_words("opt_outs.toml")
    command, sentence, never = (any_of(_with_blanks(table[name]["words"])) for name in ("command", "sentence", "never"))
    return command, sentence, never


def _with_blanks(phrases: list[str]) -> list[str]:
    """A blank in a phrase stands for any blanks and line ends; words begin where the phrase does."""
    return [rf"(?<!\w){phrase}" if re.match(r"[\w(]", phrase) and phrase.isascii() else phrase for phrase in phrases]


def asks_to_leave(newest: str, *, subject: str = "") -> bool:
    """Whether the newest words of a mail ask for no more mails.

    ``subject`` counts where it is the sender's own (no ``Re:``) and says nothing but that.
    """
    command, sentence, never = _patterns()
    if len(newest) < 300 and is_command(subject):
        return True
    text = newest[:_MAX_WORDS].strip().replace("’", "'")
    first = text.split("\n\n", 1)[0].split("\n", 1)[0]
    for part in (text, first):
        if len(part) < 200 and command.fullmatch(_bare(part)):
            return part is text or len(text) < 200
    return any(_asks(each, sentence, never) for each in _SENTENCE.split(text))


def is_command(subject: str) -> bool:
    """Whether a subject is its sender's own (no ``Re:``) and says nothing but that no more mails are wanted."""
    return (
        len(subject) < 100 and not _REPLY_PREFIX.match(subject) and _patterns()[0].fullmatch(_bare(subject)) is not None
    )


def _asks(words: str, sentence: re.Pattern[str], never: re.Pattern[str]) -> bool:
    flat = " ".join(words.split())
    return sentence.search(flat) is not None and never.search(flat) is None


def _bare(text: str) -> str:
    """Without greetings, thanks and marks around it."""
    text = " ".join(text.split())
    for _ in range(4):
        shorter = _MARKS.sub("", _POLITE.sub("", text))
        if shorter == text:
            break
        text = shorter
    return text
