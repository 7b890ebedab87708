"""How many lines may be busy with one provider: few at first, more with each quick answer, one when it is slow.

Pure. As TCP opens its window (RFC 5681 3.1), so that a provider that never
answers holds few lines, and one that answers gets all of them after a few mails.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import TypeVar

T = TypeVar("T")

LONG = 0.5  # seconds; a mail whose answers took less is never slow
LONG_ALONE = 1.0  # the same where no other provider has answered yet
TIMES_THE_OTHERS = 8  # slow is what takes so many times as long as the others' answers
REFUSALS = 5  # temporary ones in a row that mean "slow down", whatever their words
CROWDED = timedelta(minutes=10)  # so long no more sessions are tried than the server takes
_REMEMBERED = 1000  # providers
_COMPARED = 32  # providers whose last answers tell what is usual


class Traffic:
    """Which of a sender's lines, of one worker, are busy with which provider, and how quickly each answers."""

    def __init__(self, connections: int) -> None:
        self.connections = connections
        self._crowded = 0, datetime.min.replace(tzinfo=UTC)
        self._first = max(1, connections // 8)
        self._windows: OrderedDict[str, int] = OrderedDict()
        self._seconds: OrderedDict[str, float] = OrderedDict()  # of the last answer
        self._refusals: Counter[str] = Counter()  # temporary ones in a row
        self._silences: Counter[str] = Counter()  # mails without an answer in a row
        self._in_hand: dict[int, tuple[int, str]] = {}  # by delivery: its line and provider
        self._busy: dict[str, Counter[int]] = {}  # by provider: mails in each line's hands

    def crowd(self, lines: int, now: datetime) -> None:
        """The mail server takes no more sessions at once than these."""
        self._crowded = lines, now + CROWDED

    def most_lines(self, now: datetime) -> int:
        """How many lines there may be at once, those that wait for a slow provider among them."""
        lines, until = self._crowded
        return lines if lines and now < until else 2 * self.connections

    def allows(self, line: int, provider: str, limit: int | None = None) -> bool:
        """Whether a line may take another mail for a provider; ``limit`` is the clinic's."""
        busy = self._busy.get(provider)
        if not busy or line in busy:
            return True
        window = self._windows.get(provider, self._first)
        return len(busy) < (window if limit is None else min(window, limit))

    def begin_round(self) -> None:
        """No line has anything in its hands, whatever one that failed said last."""
        self._in_hand.clear()
        self._busy.clear()

    def took(self, line: int, delivery: int, provider: str) -> None:
        """A line has a mail in its hands."""
        self._in_hand[delivery] = line, provider
        self._busy.setdefault(provider, Counter())[line] += 1

    def left(self, delivery: int) -> None:
        """A mail is in no line's hands any more; telling it twice does no harm."""
        line, provider = self._in_hand.pop(delivery, (0, ""))
        busy = self._busy.get(provider)
        if not busy:
            return
        busy[line] -= 1
        if busy[line] <= 0:
            del busy[line]
        if not busy:
            del self._busy[provider]

    def answered(self, provider: str, seconds: float, *, for_now: bool) -> bool:
        """A mail's answers came, after ``seconds`` of waiting; ``for_now``: a temporary refusal.

        True: so many in a row were refused that we should slow down.
        """
        if self.is_slow(provider, seconds):
            self.slowed(provider)
        elif not for_now:
            window = self._windows.get(provider, self._first)
            _remember(self._windows, provider, min(window + 1, self.connections), _REMEMBERED)
        _remember(self._seconds, provider, seconds, _COMPARED)
        self._silences.pop(provider, None)
        if not for_now:
            self._refusals.pop(provider, None)
            return False
        self._refusals[provider] += 1
        return self._refusals[provider] % REFUSALS == 0

    def fell_silent(self, provider: str, seconds: float) -> bool:
        """A mail got no answer within its timeout. True: it is the provider, not an accident.

        That is so where others answer in far less time, or when it happens twice in a row.
        """
        self._silences[provider] += 1
        return self.is_slow(provider, seconds) or self._silences[provider] > 1

    def is_slow(self, provider: str, seconds: float) -> bool:
        """Whether that is long for an answer, by what the others take. Where all are slow, nobody is."""
        return (
            seconds >= LONG and bool(others := self._others(provider)) and seconds > TIMES_THE_OTHERS * median(others)
        )

    def keeps_waiting(self, provider: str, seconds: float) -> bool:
        """The same of an answer that has not come yet; where no other has answered, a long time is enough."""
        return self.is_slow(provider, seconds) or (seconds >= LONG_ALONE and not self._others(provider))

    def _others(self, provider: str) -> list[float]:
        return [seconds for name, seconds in self._seconds.items() if name != provider]

    def slowed(self, provider: str) -> None:
        """It keeps us waiting: one line is enough for it."""
        _remember(self._windows, provider, 1, _REMEMBERED)


def _remember(where: OrderedDict[str, T], name: str, value: T, most: int) -> None:
    where[name] = value
    where.move_to_end(name)
    while len(where) > most:
        where.popitem(last=False)
