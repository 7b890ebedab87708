"""Settings of what bounces do."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from nurture.workspace.fields import Duration, Model


class SoftBounces(Model):
    """Addresses that fail again and again without being called dead."""

    after: int = Field(5, ge=2, le=100, description="So many mails must have bounced.")
    over: Duration = Field(timedelta(days=10), description="The first and the last at least so far apart.")


class BounceFlood(Model):
    """More than both at once is doubted: nobody more is suppressed before somebody looked."""

    more_than: int = Field(20, ge=1, le=100_000, description="So many dead addresses of one edition.")
    percent: float = Field(20, gt=0, le=100, description="This share of its mails.")


class Bounces(Model):
    """What bounces do to an address."""

    soft: SoftBounces = Field(default_factory=lambda: SoftBounces(), description="When an address is given up.")
    flood: BounceFlood = Field(default_factory=lambda: BounceFlood(), description="When bounces are not believed.")
