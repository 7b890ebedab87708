"""Settings of the notice that the owner gets before an edition leaves, and of the word that it may need."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from pydantic import Field

from nurture.workspace.fields import Duration, MailAddress, Model


class Approve(StrEnum):
    """Which live editions wait for `nurture approve`."""

    FIRST = "first"  # a campaign's editions until somebody let one of them go
    ALWAYS = "always"  # each edition
    NEVER = "never"  # none; the notice only tells


class Notices(Model):
    """Who sees an edition before readers do, and how early."""

    to: tuple[MailAddress, ...] = Field(
        (),
        max_length=10,
        description="Who gets the notice; if nobody stands here the `test_recipients`, else the address that answers "
        "go to.",
    )
    before: Duration = Field(
        timedelta(hours=24),
        ge=timedelta(hours=1),
        le=timedelta(days=14),
        description="So long before an edition its notice is sent.",
    )
