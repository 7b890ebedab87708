"""Many addresses, checked quickly: plain ones by a strict pattern, domains once each."""

from __future__ import annotations

import re
from typing import Final

from nurture.address import Address, AddressError, parse_address

# Stricter than RFC 5321's Dot-string (no specials but _ + -), so whatever it
# takes the full check takes too; a test holds that against random addresses.
_PLAIN: Final = re.compile(r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@([A-Za-z0-9.-]{1,189})")
# Labels of RFC 1034 3.5 without A-labels. Of such a domain the full check asks only whether its last label is one
# that no mail goes to (RFC 6761, RFC 7686), so once for each last label is enough.
_PLAIN_DOMAIN: Final = re.compile(r"(?!.*--)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+([a-z]{2,63})")
_MAX_LOCAL: Final = 64  # RFC 5321 4.5.3.1.1
_MAX_DOMAINS: Final = 50_000  # remembered at once

# What people type; only whole domains, so that nobody's own domain is doubted.
_TYPOS: Final = {
    "gmial.com": "gmail.com",
    "gmai.com": "gmail.com",
    "gmal.com": "gmail.com",
    "gnail.com": "gmail.com",
    "gmail.co": "gmail.com",
    "gmail.con": "gmail.com",
    "gmail.cm": "gmail.com",
    "gmaill.com": "gmail.com",
    "gamil.com": "gmail.com",
    "googlemail.con": "googlemail.com",
    "yaho.com": "yahoo.com",
    "yahooo.com": "yahoo.com",
    "yhaoo.com": "yahoo.com",
    "yahoo.con": "yahoo.com",
    "yahoo.cm": "yahoo.com",
    "hotmial.com": "hotmail.com",
    "hotmal.com": "hotmail.com",
    "hotmai.com": "hotmail.com",
    "hotmail.con": "hotmail.com",
    "outlok.com": "outlook.com",
    "outllook.com": "outlook.com",
    "outlook.con": "outlook.com",
    "iclould.com": "icloud.com",
    "icloud.con": "icloud.com",
    "comcast.ent": "comcast.net",
    "comcast.con": "comcast.net",
    "aol.con": "aol.com",
}


class AddressReader:
    """Parses addresses as `nurture.address.parse_address` does, only faster for many of them."""

    def __init__(self) -> None:
        self._domains: dict[str, str | None] = {}

    def read(self, text: str) -> Address:
        """The checked address; raises `AddressError` with a text for people."""
        match = _PLAIN.fullmatch(text)
        if match and len(match[1]) <= _MAX_LOCAL:
            domain = self._domain(match[2])
            if domain is not None:
                plain = f"{match[1]}@{domain}"
                return Address(text=plain, key=plain.casefold(), domain=domain)
        return parse_address(text)

    def _domain(self, text: str) -> str | None:
        """The domain as it is written in addresses, None where the full check must decide."""
        domain = text.lower()
        plain = _PLAIN_DOMAIN.fullmatch(domain)
        if plain is not None:
            return domain if self._checked(f"example.{plain[1]}") is not None else None
        return self._checked(text)

    def _checked(self, text: str) -> str | None:
        if text not in self._domains:
            if len(self._domains) >= _MAX_DOMAINS:
                self._domains.clear()
            try:
                self._domains[text] = parse_address(f"a@{text}").domain
            except AddressError:
                self._domains[text] = None
        return self._domains[text]


def mistyped(domain: str) -> str | None:
    """The domain that was probably meant, or None."""
    return _TYPOS.get(domain)
