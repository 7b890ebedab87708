"""Octets to text: transfer encodings, charsets and encoded words, as broken as they come. Nothing here raises."""

from __future__ import annotations

import binascii
import re

from nurture.address import clean_text

# names that are charsets; Python's codecs hold other things (zip, rot13, punycode) that nobody may choose from outside
_CHARSET = re.compile(
    r"(?:us-?)?ascii|utf-?(?:8|16|32)(?:-?[lb]e)?|(?:x-)?(?:iso|latin|cp|windows|ibm|koi8|gb|big5|euc|shift|sjis|mac|ks_c|tis)"
    r"[\w.-]{0,20}|hz-gb-2312|unicode-1-1-utf-7|utf-7",
    re.IGNORECASE,
)
_SAME = {"unicode-1-1-utf-7": "utf-7", "gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949"}
_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]{0,2000})\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]{1,40}\?[bBqQ]\?)")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")


def decode_transfer(body: bytes, encoding: str) -> bytes:
    """``body`` without its Content-Transfer-Encoding (RFC 2045 6); what cannot be decoded stays."""
    match encoding.strip().lower():
        case "base64":
            return _base64(body)
        case "quoted-printable":
            return binascii.a2b_qp(body)
        case _:
            return body


def _base64(body: bytes) -> bytes:
    letters = _NO_BASE64.sub(b"", body)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def decode_text(octets: bytes, charset: str) -> str:
    """``octets`` as text: by the charset they claim, else by what they look like."""
    name = charset.strip().strip("'\"").lower()
    name = _SAME.get(name, name)
    if b"\x1b$" in octets and not name.startswith("iso-2022"):
        name = "iso-2022-jp"  # RFC 1468: only its escapes look so
    if name and not name.endswith("ascii") and name not in ("utf8", "utf-8") and _CHARSET.fullmatch(name):
        try:
            return octets.decode(name, "replace")
        except (LookupError, ValueError):
            pass
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        # a text that was cut in the middle of a character is still what it claims to be
        if name in ("utf8", "utf-8") or error.start > len(octets) - 4:
            return octets.decode("utf-8", "replace")
        return octets.decode("cp1252", "replace")


def decode_words(value: str) -> str:
    """A field's value with its encoded words (RFC 2047) decoded, on one line."""
    if "=?" not in value:
        return clean_text(value)
    joined = _BETWEEN_WORDS.sub(r"\1", value)
    pieces: list[str] = []
    octets, charset, end = b"", "", 0
    for found in _WORD.finditer(joined):
        name = found[1].partition("*")[0].lower()  # RFC 2231 5: a language may follow
        between = joined[end : found.start()]
        if between or name != charset:
            pieces += [decode_text(octets, charset), between]
            octets, charset = b"", name
        # characters may be torn apart between two words, against RFC 2047 5
        octets += _word(found[2], found[3])
        end = found.end()
    return clean_text("".join([*pieces, decode_text(octets, charset), joined[end:]]))


def _word(encoding: str, text: str) -> bytes:
    octets = text.encode("ascii", "replace")
    return _base64(octets) if encoding in "bB" else binascii.a2b_qp(octets, header=True)
