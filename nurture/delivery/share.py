"""Which part of each sender's connections one of several processes opens. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """One of ``workers`` processes that deliver together on this machine; ``number`` counts from 1.

    The first also plans, so what cannot be divided goes to the last ones.
    """

    number: int = 1
    workers: int = 1

    def __str__(self) -> str:
        """``worker 2 of 4``; "" for one that is alone."""
        return f"worker {self.number} of {self.workers}" if self.workers > 1 else ""

    def of(self, connections: int) -> int:
        """This one's part; all parts together are ``connections``, so some may have none."""
        each, rest = divmod(connections, self.workers)
        return each + (self.number > self.workers - rest)
