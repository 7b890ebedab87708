"""What a reply is about, by plain words that stand in ``topics.toml``. Pure.

The topic sorts a list; only two change what happens. Thanks alone and wishes to leave want no answer, so both are
judged narrowly: what is more than thanks is something else, and whether somebody wants to leave is not decided here.
"""

from __future__ import annotations

import re
from functools import cache

from nurture.inbox.word_lists import any_of, read_words
from nurture.vocabulary import ReplyTopic

_LOOKED_AT = 5_000  # characters: what somebody wants stands near the beginning
_QUESTION_MARKS = "?？؟"
_BY_WORDS = (ReplyTopic.REFERRAL, ReplyTopic.ADDRESS_CHANGE, ReplyTopic.MEETING)


def topic_of(words: str, *, opt_out: bool) -> ReplyTopic:
    """What these newest words of a reply are about; ``opt_out``: its judge found a wish to get no more mail."""
    if opt_out:
        return ReplyTopic.STOP
    text = " ".join(words[:_LOOKED_AT].replace("\u2019", "'").split())
    for topic in _BY_WORDS:
        if _phrases(topic, "phrases").search(text):
            return topic
    asks = any(mark in text for mark in _QUESTION_MARKS)
    if not asks and _only_thanks(text):
        return ReplyTopic.THANKS
    return ReplyTopic.QUESTION if asks else ReplyTopic.OTHER


def _only_thanks(text: str) -> bool:
    if len(text) > read_words("topics.toml")["thanks"]["longest"]:
        return False
    thanks, more = (_phrases(ReplyTopic.THANKS, name) for name in ("phrases", "but"))
    return thanks.search(text) is not None and more.search(text) is None


@cache
def _phrases(topic: ReplyTopic, name: str) -> re.Pattern[str]:
    return any_of(read_words("topics.toml")[topic][name])
