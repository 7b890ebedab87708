"""Whether an edition may leave before somebody said so, and when the owner is to be shown it. Pure.

What somebody let go is one content: what readers would get and the rule that says who they are. Another content needs
another word.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from nurture.vocabulary import WAITS_FOR_APPROVAL, Mode
from nurture.workspace.notices import Approve

# The owner is not mailed at each save: what was changed after a notice is shown when it stayed so for so long.
QUIET: Final = timedelta(minutes=10)
# A try that nobody ended (a process was killed) is repeated after this; the copy carries the same Message-ID.
TRY_ENDS: Final = timedelta(minutes=10)
_FIRST_PAUSE: Final = timedelta(minutes=5)
_LONGEST_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Said:
    """What people said of one edition before it was made.

    ``approved_by`` counts for exactly its present content; ``held_by`` held it whatever it says. ``let_go_before``:
    an edition of the campaign was let go once.
    """

    approved_by: str | None = None
    held_by: str | None = None
    let_go_before: bool = False


def needs_approval(rule: Approve, *, mode: Mode, let_go_before: bool) -> bool:
    """Whether an edition waits for somebody's word. In the sandbox nothing does."""
    if mode is not Mode.LIVE:
        return False
    return rule is Approve.ALWAYS or (rule is Approve.FIRST and not let_go_before)


def why_held(rule: Approve, said: Said, *, mode: Mode) -> str | None:
    """Why an edition that is made now is held; None: it may leave."""
    if said.held_by is not None:
        return f"by {said.held_by}"
    if said.approved_by is None and needs_approval(rule, mode=mode, let_go_before=said.let_go_before):
        return WAITS_FOR_APPROVAL
    return None


def shown_digest(content: Mapping[str, Any], *, rule: str) -> str:
    """What tells one content of an edition from another, in hex.

    ``content`` is what the edition would keep, ``rule`` says who is meant and what lets them in. Where in a file a text
    stands does not count, nor which key signs the links, nor whether the pages could be reached, so that links are
    counted.
    """
    shown: dict[str, Any] = {name: value for name, value in content.items() if name != "targets"}
    if isinstance(texts := shown.get("texts"), Mapping):
        shown["texts"] = {name: text["source"] for name, text in texts.items()}
    if isinstance(shared := shown.get("shared"), Mapping) and "pages" in shared:
        shown["shared"] = {**shared, "pages": shared["pages"]["url"]}
    text = json.dumps([shown, rule], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def notice_due(
    *,
    seen_at: datetime,
    sent_at: datetime | None,
    next_try_at: datetime | None,
    shown_before: bool,
    made: bool,
    now: datetime,
) -> bool:
    """Whether the owner is to be shown a content now.

    ``seen_at``: since when it is in force. ``shown_before``: a notice of another content of this edition was sent.
    ``made``: the edition is made, so its content changes no more. Instants are aware.
    """
    if sent_at is not None or (next_try_at is not None and next_try_at > now):
        return False
    return made or not shown_before or now >= seen_at + QUIET


def pause_after(tries: int) -> timedelta:
    """How long after so many tries that failed the next one is made: 5, 10 … 60 minutes."""
    return min(_FIRST_PAUSE * (1 << min(max(tries, 1) - 1, 10)), _LONGEST_PAUSE)
