"""What the lines of one sender share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from nurture.composing.dkim import Signer
from nurture.delivery.experience import Experience
from nurture.delivery.routes import Route
from nurture.delivery.stock import Stock

if TYPE_CHECKING:
    from nurture.delivery.line import Line


@dataclass
class Post:
    """One sender in one round of delivering."""

    sender: str
    route: Route
    signer: Signer
    stock: Stock
    experience: Experience
    lines: list[Line] = field(default_factory=list)

    def connected(self) -> int:
        """How many lines have a session with the mail server."""
        return sum(line.is_connected for line in self.lines)

    def crowd(self, now: datetime) -> None:
        """The mail server takes no more connections than it has."""
        self.experience.traffic.crowd(self.connected(), now)
