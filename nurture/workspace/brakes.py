"""Settings of what stops live mail by itself, and of who is told."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from nurture.workspace.fields import Duration, MailAddress, Model


class Complaints(Model):
    """Pauses a campaign about which readers complain."""

    percent: float = Field(0.3, gt=0, le=100, description="More of its readers of 30 days than this.")
    at_least: int = Field(2, ge=1, le=10_000, description="One alone may have slipped with the mouse.")


class DeadAddresses(Model):
    """Holds an edition whose list is bad."""

    after: int = Field(30, ge=1, le=10_000, description="So many mails must have been answered.")
    percent: float = Field(8, gt=0, le=100, description="More dead addresses than this hold the edition.")


class FirstEdition(Model):
    """The first edition of a live clinic begins with a few mails."""

    over: int = Field(100, ge=0, description="Only if it has more mails than this.")
    sends: int = Field(30, ge=1, description="So many leave first.")
    waits: Duration = Field(timedelta(hours=1), description="The others leave so much later.")


class Brakes(Model):
    """What stops an edition that goes wrong, until somebody looked. Live mail only."""

    dead_addresses: DeadAddresses = Field(
        default_factory=lambda: DeadAddresses(), description="Too many addresses that do not exist."
    )
    first_edition: FirstEdition = Field(
        default_factory=lambda: FirstEdition(), description="A pause after the first mails of all."
    )
    complaints: Complaints = Field(
        default_factory=lambda: Complaints(), description="Too many readers who pressed `spam`."
    )


class Alerts(Model):
    """Who is told, beside everybody who runs a command, that something needs a person."""

    to: tuple[MailAddress, ...] = Field(
        (), max_length=10, description="Who gets alerts by mail, once live; without it the `test_recipients`."
    )
    mails_a_day: int = Field(6, ge=0, le=100, description="At most so many mails in 24 hours, for each of them.")
    again_after: Duration = Field(
        timedelta(hours=6),
        description="An alert that ends and comes back is told again after this time at the earliest.",
    )
