"""Past patients have stricter rules than partners: does a condition reach them, may a campaign write to them? Pure."""

from __future__ import annotations

from collections.abc import Mapping

from nurture.vocabulary import Category, Purpose, SkipReason
from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import All, Any_, Compare, Condition, Not, Operator, SegmentReference


def refusal_for_past_patients(campaign: Campaign) -> SkipReason | None:
    """Why a campaign may not write to anybody who is a past patient, whatever else the person is; None: it may.

    45 CFR 164.508(a)(3): mail that encourages to buy somebody else's product, or that somebody else pays for, needs an
    authorization signed by each patient, and none is kept yet. 45 CFR 164.501: other mail must have a purpose that is
    not marketing.
    """
    if campaign.paid_by_third_party or campaign.purpose is Purpose.THIRD_PARTY:
        return SkipReason.NO_AUTHORIZATION
    return SkipReason.NO_PURPOSE if campaign.purpose is None else None


def means_past_patients(condition: Condition, segments: Mapping[str, Condition]) -> bool:
    """True unless the condition keeps to other categories; an unknown or endless segment counts as yes."""
    return not _excludes(condition, segments, negated=False, several=False, followed=frozenset())


def can_match_past_patients(condition: Condition, segments: Mapping[str, Condition]) -> bool:
    """True unless no past patient can match, not even one who is something else as well: a runner who leads a club.

    Only a condition that shuts out ``past_patient`` by name (or everybody with a category) is sure.
    """
    return not _excludes(condition, segments, negated=False, several=True, followed=frozenset())


def _excludes(
    node: Condition, segments: Mapping[str, Condition], *, negated: bool, several: bool, followed: frozenset[str]
) -> bool:
    """Whether no past patient can match the node (or, negated, its opposite); ``several``: who has other categories."""
    if isinstance(node, Not):
        return _excludes(node.item, segments, negated=not negated, several=several, followed=followed)
    if isinstance(node, All | Any_):
        results = (
            _excludes(item, segments, negated=negated, several=several, followed=followed) for item in node.items
        )
        # De Morgan: the opposite of "all" is "any of the opposites".
        return any(results) if isinstance(node, All) is not negated else all(results)
    if isinstance(node, SegmentReference):
        inner = segments.get(node.name)
        if inner is None or node.name in followed:
            return False
        return _excludes(inner, segments, negated=negated, several=several, followed=followed | {node.name})
    if not isinstance(node, Compare) or node.field != "category":
        return False
    if node.operator is Operator.EMPTY:
        return bool(node.value) is not negated
    named = node.value if isinstance(node.value, tuple) else (node.value,)
    if node.operator is Operator.NOT:
        negated = not negated
    if Category.PAST_PATIENT in named:
        return negated
    # has a category that is another one: somebody with that one alone is no past patient
    return not negated and not several
