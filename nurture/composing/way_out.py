"""How readers leave: the link in the mail and the header fields (RFC 2369 3.2, RFC 8058 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nurture.composing import headers


class WayOut:
    """The way out of one edition's mails; what they share is made once.

    ``shared`` are the edition's values. Without a ``leave_page`` among them the
    only way is a mail with the subject STOP, the same for all readers.
    """

    def __init__(self, shared: Mapping[str, Any]) -> None:
        self._mailto: str = shared["links"]["unsubscribe"]
        page = shared.get("leave_page")
        self.differs = page is not None
        self._page = leave_link(page["url"], "") if page else ""
        mail = f"<{self._mailto}>"
        if page is None:
            self._before = headers.header("List-Unsubscribe", headers.folded("List-Unsubscribe", mail))
            self._after = ""
        else:
            # the page first (RFC 8058 3.1), and on the first line, however long: some readers of it are simple
            self._before = f"List-Unsubscribe: <{self._page}"
            self._after = f">,\r\n {mail}\r\n" + headers.header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")

    def link(self, token: str) -> str:
        """The link for one reader. It is of no class that templates remember values of: each is seen once."""
        return _Once(self._page + token) if self.differs else self._mailto

    def fields(self, token: str) -> str:
        """The header fields for one reader, each with its line end."""
        return f"{self._before}{token}{self._after}" if self.differs else self._before


def leave_link(page: str, token: str) -> str:
    """The address of the page for one token; ``page`` has no slash at its end."""
    return f"{page}/u/{token}"


class _Once(str):
    """A text that stands in one mail only (`mime.QuotedValues` keeps plain ones)."""

    __slots__ = ()
