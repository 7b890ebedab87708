"""The forms of names: what the clinic may call its files and keys, and custom attributes."""

from __future__ import annotations

import re
from typing import Final

# Files, campaigns, segments, tags, topics: ``partner-news``.
SLUG: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
# Custom attributes of contacts: ``met_on``. `store.expressions` checks them again before they become SQL.
ATTRIBUTE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
