"""Near names for what was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``"; did you mean `x`?"`` for the nearest known name, or an empty string.

    ``cutoff`` between 0 and 1 says how near it must be.
    """
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    name = name.lower().replace("-", "_")[:80]
    near = [candidate for candidate in folded if sorted(candidate) == sorted(name)]  # letters swapped: `tga`
    near = near or difflib.get_close_matches(name, folded, n=1, cutoff=cutoff)
    return f"; did you mean `{folded[near[0]]}`?" if near else ""
