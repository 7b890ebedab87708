"""What the DNS said to one question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto


class Found(Enum):
    """How a question ended."""

    RECORDS = auto()
    NO_RECORDS = auto()  # the name is there, with other types (RFC 2308 2.2)
    NO_NAME = auto()  # NXDOMAIN
    FAILED = auto()  # no answer that counts: SERVFAIL, silence, no network


@dataclass(frozen=True, slots=True)
class Answer:
    """The records of ``kind`` at ``name``, which has no dot at its end, after any CNAMEs.

    TXT records are joined from their strings (RFC 7208 3.3, RFC 6376 3.6.2.2), MX are
    ``preference host``. ``words`` say what failed. Nothing here is fit to be printed as it is.
    """

    name: str
    kind: str
    found: Found
    records: tuple[str, ...] = ()
    words: str = ""

    @property
    def failed(self) -> bool:
        """Whether nothing is known."""
        return self.found is Found.FAILED

    @property
    def missing(self) -> bool:
        """Whether there is surely no such record."""
        return self.found in (Found.NO_RECORDS, Found.NO_NAME)


Ask = Callable[[str, str], Answer]  # name, kind: TXT, MX, A, AAAA
