"""``name=value; name=value``: the form of DKIM and DMARC records (RFC 6376 3.2, RFC 9989 4.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def parse_tags(text: str) -> Mapping[str, str]:
    """The tags in their order, blanks around them dropped.

    Raises ``ValueError`` in words for what is no such list, and for a tag that stands twice.
    """
    tags: dict[str, str] = {}
    for part in text.strip().removesuffix(";").split(";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise ValueError("it is no list of tags like `v=…; p=…`")
        if name in tags:
            raise ValueError(f"the tag {name[:20]} stands in it twice")
        tags[name] = value.strip()
    return tags
