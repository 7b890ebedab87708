"""When consents end by law, by the country where the person or the clinic is: a table with its sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from nurture.vocabulary import ConsentKind
from nurture.workspace.dates import RelativeDate


@dataclass(frozen=True, slots=True)
class LegalEnd:
    """In ``country`` (ISO 3166-1 alpha-2) a consent of this kind holds for so long after the day it was given."""

    country: str
    kind: ConsentKind
    after: RelativeDate
    source: str


# Canada's Anti-Spam Legislation, S.C. 2010, c. 23: periods "immediately before the day on which the message was sent"
LEGAL_ENDS = (
    LegalEnd(
        "CA", ConsentKind.IMPLIED, RelativeDate(months=24), "CASL s. 10(10)(a): an existing business relationship"
    ),
    LegalEnd("CA", ConsentKind.INQUIRY, RelativeDate(months=6), "CASL s. 10(10)(e): an inquiry or application"),
)


def law_that_ended(kind: ConsentKind, obtained_on: date, last_day: date) -> str | None:
    """The law by which a consent of that day ends on ``last_day``; None: agreed, or the clinic's rule."""
    return next(
        (end.source for end in LEGAL_ENDS if end.kind is kind and end.after.resolve(obtained_on) == last_day), None
    )
