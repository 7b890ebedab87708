"""An edition as a test of it: the same mail, marked as a test, whose links act on nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from nurture.composing.headers import mailto

MARK: Final = "[TEST]"
# What a reader's mail program writes for whoever follows a test's way out; no word in it asks to leave.
LINK_SUBJECT: Final = "TEST mail: this link does nothing"


def trial_values(shared: Mapping[str, Any]) -> dict[str, Any]:
    """An edition's values (`shared.shared_values`) for a test of it, which is marked as one."""
    return {**inert_values(shared, says=LINK_SUBJECT), "edition": {**shared["edition"], "test": MARK}}


def inert_values(shared: Mapping[str, Any], *, says: str) -> dict[str, Any]:
    """An edition's values for a mail to somebody who is none of its readers.

    Every link that would act for one reader leads to a mail whose subject ``says`` what it is, so there is no page on
    which anybody leaves and no one-click header.
    """
    inert = mailto(shared["sender"]["reply_to"], subject=says)
    values = {name: value for name, value in shared.items() if name != "pages"}
    return {**values, "links": dict.fromkeys(shared["links"], inert)}


def trial_mark(shared: Mapping[str, Any]) -> str:
    """What stands before the subject of an edition's mails: nothing, unless it is a test."""
    mark: str = shared["edition"].get("test", "")
    return mark
