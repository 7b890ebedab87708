"""Settings of what people write back: how soon they get an answer."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from nurture.workspace.fields import Duration, Model, Slug


class Replies(Model):
    """How soon somebody who wrote gets an answer, and who hears of it if not."""

    limit: Duration = Field(
        timedelta(hours=8),
        gt=timedelta(),
        description="An answer may take so much of the clinic's working time (`clinic.hours`); at half of it comes a "
        "first notice.",
    )
    tell: tuple[Slug, ...] = Field(
        (),
        max_length=10,
        description="People under `staff` who get a mail about answers that wait; if nobody is named, the first one "
        "who has an `address`.",
    )
