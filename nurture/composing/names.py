"""The names that templates may use, checked before anything is rendered."""

from __future__ import annotations

from nurture.composing.compiled import Compiled, usage
from nurture.composing.marks import place_of_line
from nurture.errors import Problem
from nurture.workspace.suggestions import did_you_mean

NAMES = frozenset(
    [
        "contact",
        "organization",
        "clinic",
        "brand",
        "sender",
        "signer",
        "owner",
        "news",
        "values",
        "body",
        "campaign",
        "edition",
        "subject",
        "preheader",
        "links",
    ]
)


def unknown_names(compiled: Compiled) -> list[Problem]:
    """A problem for every name that no mail knows, at its place."""
    problems = []
    for name, line in sorted(usage(compiled).names.items()):
        if name not in NAMES:
            place = place_of_line(compiled.origins, line, compiled.file)
            problems.append(place.problem(f"undefined variable `{name}`{did_you_mean(name, NAMES)}"))
    return problems
