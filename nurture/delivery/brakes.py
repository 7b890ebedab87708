"""The brake on a bad list: an edition that meets too many dead addresses is held. Pure.

A list that is old or bought shows itself by its first mails. Providers judge a sender by that: many refused addresses
send all its mail to the spam folder (see the senders' guidelines of Google, Yahoo and Microsoft).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from nurture.workspace.brakes import DeadAddresses


def too_many_dead(tried: int, dead: int, rule: DeadAddresses) -> str | None:
    """Why an edition shall be held after so many mails were answered for good, or None."""
    if tried < rule.after or dead * 100 <= rule.percent * tried:
        return None
    return (
        f"{dead} of the first {tried} addresses do not exist (more than {rule.percent:g} %); "
        "where does this list come from?"
    )


@dataclass(slots=True)
class Tally:
    """One edition's mails that were answered for good. ``pulled``: the brake was pulled; once in a round is enough."""

    tried: int
    dead: int
    pulled: bool = False


@dataclass(slots=True)
class Brakes:
    """The editions of one round of delivering, by number.

    Each worker counts from what the database had when the round met the edition, and adds what it was answered itself.
    """

    tallies: dict[int, Tally] = field(default_factory=dict)

    def missing(self, edition_id: int) -> bool:
        """Whether `begin` must come before `answered`."""
        return edition_id not in self.tallies

    def begin(self, edition_id: int, tried: int, dead: int) -> None:
        """What is known of an edition; whoever comes second changes nothing."""
        self.tallies.setdefault(edition_id, Tally(tried, dead))

    def answered(self, edition_id: int, *, dead: bool, rule: DeadAddresses) -> str | None:
        """One more mail was answered for good; why the edition shall be held now, or None."""
        tally = self.tallies[edition_id]
        tally.tried += 1
        tally.dead += dead
        because = None if tally.pulled else too_many_dead(tally.tried, tally.dead, rule)
        tally.pulled = tally.pulled or because is not None
        return because
