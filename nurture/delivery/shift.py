"""What all lines of one `Worker.deliver_due` share."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from nurture.clock import Clock
from nurture.delivery.brakes import Brakes
from nurture.delivery.connection import Timeouts
from nurture.delivery.ledger import Ledger
from nurture.delivery.messages import EditionComposers
from nurture.delivery.tokens import Dry
from nurture.store.senders import StoppedSender
from nurture.vocabulary import DeliveryState, Mode
from nurture.workspace.workspace import Workspace

LOCKSTEP = timedelta(days=1)  # without pipelining, after a server lost step
BATCH = 25  # deliveries claimed at once for each line
LARGEST_BATCH = 100


@dataclass
class Shift:
    """One round of delivering."""

    ledger: Ledger
    owner: str
    clock: Clock
    workspace: Workspace
    mode: Mode
    timeouts: Timeouts
    composers: EditionComposers
    limit: int | None  # how many more deliveries may be begun
    patience: float = 0.0  # seconds that a line waits for a sender's limit
    stopping: bool = False
    counts: Counter[DeliveryState] = field(default_factory=Counter)
    retried: int = 0
    stopped: dict[str, StoppedSender] = field(default_factory=dict)
    limited: dict[str, Dry] = field(default_factory=dict)  # senders that reached a limit of theirs
    brakes: Brakes = field(default_factory=Brakes)
    lockstep: dict[str, datetime] = field(default_factory=dict)  # senders whose server lost step, until when

    def today(self) -> date:
        """The clinic's date: consents are good through a day."""
        return self.workspace.settings.today(self.clock.now())

    def may_go_on(self, sender: str) -> bool:
        """Whether a line of ``sender`` may begin another mail."""
        return not self.stopping and sender not in self.stopped and not self.ledger.troubled

    def lost_step(self, sender: str) -> None:
        """Its server went away over a pipelined write: one command at a time for a day."""
        self.lockstep[sender] = self.clock.now() + LOCKSTEP

    def in_lockstep(self, sender: str) -> bool:
        """Whether it shall get one command at a time."""
        return sender in self.lockstep and self.clock.now() < self.lockstep[sender]

    def take(self, lines: int) -> int:
        """How many deliveries may be claimed now for so many lines; they are counted as begun."""
        size = min(BATCH * lines, LARGEST_BATCH)
        if self.limit is not None:
            size = min(size, self.limit)
        if self.limit is not None:
            self.limit -= size
        return size

    def count(self, state: DeliveryState | None) -> None:
        """A delivery left this worker's hands for good."""
        if state not in (None, DeliveryState.QUEUED):
            self.counts[state] += 1

    def give_back(self, unused: int) -> None:
        """The other way round, for what was not there to claim."""
        if self.limit is not None:
            self.limit += unused
