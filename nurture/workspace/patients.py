"""Whether a condition can reach past patients; they have stricter rules than partners."""

from __future__ import annotations

from collections.abc import Mapping

from nurture.vocabulary import Category
from nurture.workspace.conditions import All, Any_, Compare, Condition, Not, Operator, SegmentReference


def can_match_past_patients(condition: Condition, segments: Mapping[str, Condition]) -> bool:
    """True unless the condition restricts ``category`` to others; an unknown or endless segment counts as yes."""
    return not _excludes(condition, segments, negated=False, followed=frozenset())


def _excludes(node: Condition, segments: Mapping[str, Condition], *, negated: bool, followed: frozenset[str]) -> bool:
    """Whether no past patient can match the node (or, negated, its opposite)."""
    if isinstance(node, Not):
        return _excludes(node.item, segments, negated=not negated, followed=followed)
    if isinstance(node, All | Any_):
        results = (_excludes(item, segments, negated=negated, followed=followed) for item in node.items)
        # De Morgan: the opposite of "all" is "any of the opposites".
        return any(results) if isinstance(node, All) is not negated else all(results)
    if isinstance(node, SegmentReference):
        inner = segments.get(node.name)
        if inner is None or node.name in followed:
            return False
        return _excludes(inner, segments, negated=negated, followed=followed | {node.name})
    if not isinstance(node, Compare) or node.field != "category":
        return False
    if node.operator is Operator.EMPTY:
        return bool(node.value) is not negated
    named = node.value if isinstance(node.value, tuple) else (node.value,)
    if node.operator is Operator.NOT:
        negated = not negated
    return (Category.PAST_PATIENT in named) is negated
