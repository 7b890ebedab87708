"""The links of one reader: to leave (also in header fields: RFC 2369 3.2, RFC 8058 3.1), to see, to choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from nurture.composing import headers
from nurture.composing.recipient import LinkTokens


class WayOut:
    """The way out of one edition's mails; what they share is made once.

    ``shared`` are the edition's values. Without ``pages`` among them the only way is a mail with the subject STOP, the
    same for all readers, as in previews. Without an address in them it is that mail, with the reader's token behind
    STOP: so the mailbox knows whose wish it is, from whatever address it comes.
    """

    def __init__(self, shared: Mapping[str, Any]) -> None:
        self._mailto: str = shared["links"]["unsubscribe"]
        page = shared.get("pages")
        self.differs = page is not None
        self._url: str | None = page["url"] if page else None
        mailto = f"{self._mailto}%20" if self.differs else self._mailto  # RFC 6068 5: a blank
        mail = headers.folded("List-Unsubscribe", f"<{mailto}")
        self._fields = [f"List-Unsubscribe: {mail}", ">\r\n"]
        if self._url is not None:
            # the page first (RFC 8058 3.1), and on the first line, however long: some readers of it are simple
            one_click = headers.header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
            self._fields = [f"List-Unsubscribe: <{leave_link(self._url, '')}", f">,\r\n <{mailto}", f">\r\n{one_click}"]

    def links(self, tokens: LinkTokens) -> dict[str, str]:
        """``links`` for one reader's templates. They are of no class whose values are remembered: each is seen once."""
        if not self.differs:
            return {"unsubscribe": self._mailto}
        if self._url is None:
            return {"unsubscribe": _Once(f"{self._mailto}%20{tokens.leave}")}
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
        return token.join(self._fields) if self.differs else "".join(self._fields)


def leave_link(page: str, token: str) -> str:
    """The address of the page for one token; ``page`` has no slash at its end."""
    return f"{page}/u/{token}"


def address_link(page: str, token: str) -> str:
    """The address of the page on which somebody says yes to mail at a new address."""
    return f"{page}/a/{token}"


def click_link(page: str, token: str, number: int) -> str:
    """The address that leads on to the edition's target with this number."""
    return f"{page}/c/{token}/{number}"


class _Once(str):
    """A text that stands in one mail only (`mime.QuotedValues` keeps plain ones)."""

    __slots__ = ()


class OnceMarkup(Markup):
    """HTML that stands in one mail only."""

    __slots__ = ()
