"""Near names for what was mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """``"; did you mean `x`?"`` for the nearest known name, or an empty string.

    ``cutoff`` between 0 and 1 says how near it must be.
    """
    folded = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    near = difflib.get_close_matches(name.lower().replace("-", "_")[:80], folded, n=1, cutoff=cutoff)
    return f"; did you mean `{folded[near[0]]}`?" if near else ""
