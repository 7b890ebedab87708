"""The links of one reader: to leave (also in header fields: RFC 2369 3.2, RFC 8058 3.1), to see, to choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from nurture.composing import headers
from nurture.composing.recipient import LinkTokens


class WayOut:
    """The way out of one edition's mails; what they share is made once.

    ``shared`` are the edition's values. Without a ``pages`` among them the
    only way is a mail with the subject STOP, the same for all readers.
    """

    def __init__(self, shared: Mapping[str, Any]) -> None:
        self._mailto: str = shared["links"]["unsubscribe"]
        page = shared.get("pages")
        self.differs = page is not None
        self._url = page["url"] if page else ""
        self._page = leave_link(self._url, "")
        mail = f"<{self._mailto}>"
        if page is None:
            self._before = headers.header("List-Unsubscribe", headers.folded("List-Unsubscribe", mail))
            self._after = ""
        else:
            # the page first (RFC 8058 3.1), and on the first line, however long: some readers of it are simple
            self._before = f"List-Unsubscribe: <{self._page}"
            self._after = f">,\r\n {mail}\r\n" + headers.header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")

    def links(self, tokens: LinkTokens) -> dict[str, str]:
        """``links`` for one reader's templates. They are of no class whose values are remembered: each is seen once."""
        if not self.differs:
            return {"unsubscribe": self._mailto}
        return {
            "unsubscribe": _Once(f"{self._url}/u/{tokens.leave}"),
            "view": _Once(f"{self._url}/v/{tokens.view}"),
            "preferences": _Once(f"{self._url}/p/{tokens.preferences}"),
        }

    def pixel(self, tokens: LinkTokens, *, hidden: str) -> Markup | str:
        """What tells us that the mail is read, at its end; nothing where nothing may be told.

        ``hidden`` is a link that people neither see nor reach by keyboard: only programs follow it.
        """
        if not tokens.pixel:
            return ""
        image = f'<img src="{self._url}/{tokens.pixel}.gif" alt="" width="1" height="1" style="display:block">'
        trap = f'<a href="{hidden}" style="display:none" tabindex="-1" aria-hidden="true"></a>' if tokens.click else ""
        return OnceMarkup(trap + image)

    def fields(self, token: str) -> str:
        """The header fields for one reader, each with its line end."""
        return f"{self._before}{token}{self._after}" if self.differs else self._before


def leave_link(page: str, token: str) -> str:
    """The address of the page for one token; ``page`` has no slash at its end."""
    return f"{page}/u/{token}"


def click_link(page: str, token: str, number: int) -> str:
    """The address that leads on to the edition's target with this number."""
    return f"{page}/c/{token}/{number}"


class _Once(str):
    """A text that stands in one mail only (`mime.QuotedValues` keeps plain ones)."""

    __slots__ = ()


class OnceMarkup(Markup):
    """HTML that stands in one mail only."""

    __slots__ = ()
