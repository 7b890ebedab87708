"""Consent as a gate: which consents allow a mail to this person. Pure.

A person with several categories must satisfy the rules of all of them, so
``past_patient`` in the set brings its strict rule to every mail.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from nurture.vocabulary import CONSENT_BITS, Category, ConsentKind
from nurture.workspace.consent_ends import LEGAL_ENDS
from nurture.workspace.dates import RelativeDate
from nurture.workspace.settings import DEFAULT_CONSENTS, Settings

# Asks for a consent that nobody can have: the rules of a person's categories
# and of the campaign exclude each other.
IMPOSSIBLE: Final = 1 << 30


def consent_mask(
    categories: Collection[Category],
    required: Mapping[Category | Literal["other"], Collection[ConsentKind]],
    campaign_required: Collection[ConsentKind] | None = None,
) -> int:
    """The bits (`CONSENT_BITS`) of which one consent must hold; 0 asks for none.

    ``required`` is ``settings.consent_required``; an empty list asks for none.
    ``campaign_required`` can only tighten. Rules that exclude each other give
    `IMPOSSIBLE`, which no consent meets.
    """
    rules = [_rule(category, required) for category in categories] or [_rule("other", required)]
    if campaign_required is not None:
        rules.append(campaign_required)
    masks = [sum(CONSENT_BITS[kind] for kind in _with_inquiries(rule)) for rule in rules if rule]
    if not masks:
        return 0
    mask = masks[0]
    for other in masks[1:]:
        mask &= other
    return mask or IMPOSSIBLE


def _rule(
    category: Category | Literal["other"], required: Mapping[Category | Literal["other"], Collection[ConsentKind]]
) -> Collection[ConsentKind]:
    if category in required:
        return required[category]
    if category in DEFAULT_CONSENTS:
        return DEFAULT_CONSENTS[category]
    return required.get("other", DEFAULT_CONSENTS["other"])


def _with_inquiries(rule: Collection[ConsentKind]) -> set[ConsentKind]:
    # an inquiry is an implied consent, too (CASL s. 10(10)(e))
    return {*rule, ConsentKind.INQUIRY} if ConsentKind.IMPLIED in rule else set(rule)


def consent_allows(mask: int, bits: int) -> bool:
    """Whether the consents that hold (``bits``) meet ``mask``."""
    return mask == 0 or bool(mask & bits)


@dataclass(frozen=True, slots=True)
class ConsentEnds:
    """When consents end by themselves. ``clinic`` is its country, ``own`` what the settings add to the law.

    Countries are ISO 3166-1 alpha-2.
    """

    clinic: str
    own: Mapping[str, Mapping[ConsentKind, RelativeDate]] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> ConsentEnds:
        """As the clinic's settings say."""
        return cls(settings.clinic.address.country, settings.consent_ends)

    @property
    def countries(self) -> frozenset[str]:
        """Where some consent ends by itself."""
        return frozenset({*(end.country for end in LEGAL_ENDS), *self.own})

    def last_day(self, kind: ConsentKind, obtained_on: date, country: str | None, until: date | None) -> date | None:
        """The last day on which a consent allows mail; None where it does not end by itself.

        The rules of the person's ``country`` (None: unknown) and of the clinic's both count, for a law asks where mail
        is read and where it is sent; so does what was agreed (``until``). The earliest of these days ends it.
        """
        places = {self.clinic, country}
        periods = [end.after for end in LEGAL_ENDS if end.kind is kind and end.country in places]
        periods += [self.own[place][kind] for place in self.own.keys() & places if kind in self.own[place]]
        days = [period.resolve(obtained_on) for period in periods]
        return min([*days, *([until] if until else [])], default=None)
