"""The id under which a mail server took a mail, from the words of its 250. Pure.

Bounces and complaints of some companies name the mail by it only: Amazon SES and Microsoft put a Message-ID of
their own in the place of ours. RFC 5321 gives these words no form, so each stands here as seen.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 250  # characters; RFC 5322 2.1.1 would allow 998, and nobody uses them
_LOOKED_AT: Final = 500  # characters of the words; more is kept of no answer

# The first that fits decides. Each begins with plain letters, which a search finds fast.
_FORMS: Final = re.compile(
    r"queued as <?(?P<queued>[\w.@+=-]+)"  # Postfix, and what imitates it: "Ok: queued as 4Vx1ABC"
    r"|(?P<google>[\w.-]+) - gsmtp\b"  # Google: "OK  1700000000 d2e1a72fcca58-7b1si1234567b3a.8 - gsmtp"
    r"|\bid=(?P<exim>[\w.-]+)"  # Exim: "OK id=1rABCD-000000-Xy"
    # Microsoft: "<ours or theirs@host> [InternalId=8, Hostname=h] ... Queued mail for delivery"
    r"|<(?P<message_id>[^<>\s]+@[^<>\s]+)>"  # also others that repeat or replace the Message-ID
    r"|\bInternalId=(?P<microsoft>\d+)"
    r"|^Ok:? <?(?P<ses>[0-9a-f-]{20,}(?:@[\w.-]+)?)>?$"  # Amazon SES: "Ok 0100018c0000-...-000000"
    r"|^(?P<sendmail>[\w.-]+) Message accepted for delivery",  # Sendmail
    re.IGNORECASE,
)


def relay_id(words: str | None) -> str | None:
    """The server's id for the mail, without angle brackets; None where its words name none.

    ``words`` are those after the codes, on one line.
    """
    found = _FORMS.search(words, 0, _LOOKED_AT) if words else None
    if found is None or found.lastgroup is None:
        return None
    text = found[found.lastgroup].rstrip(".")
    return text if 0 < len(text) <= LONGEST else None
