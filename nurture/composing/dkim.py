"""DKIM signatures (RFC 6376, RFC 8301, RFC 8463) of composed mails.

Canonicalization is relaxed/simple. Simple is enough for our bodies: `mime` makes
them of quoted-printable or base64, with CRLF only and no blanks at line ends, so
nothing on the way has a reason to change them; and it needs no pass over the body.
There is no ``l=``: it would let others add to a signed mail (RFC 6376 8.2).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from nurture.composing.dkim_keys import SigningKey, read_key
from nurture.errors import Problem, RenderError
from nurture.workspace.settings import Sender

# RFC 6376 5.4.1, with what came later or says how a mail is to be read.
SIGNED_FIELDS = frozenset(
    (
        *(b"from", b"to", b"cc", b"reply-to", b"subject", b"date", b"message-id", b"in-reply-to", b"references"),
        *(b"mime-version", b"content-type", b"content-transfer-encoding", b"auto-submitted", b"feedback-id"),
        *(b"list-id", b"list-help", b"list-subscribe", b"list-post", b"list-owner", b"list-archive"),
        *(b"list-unsubscribe", b"list-unsubscribe-post"),  # RFC 8058 4 wants both
    )
)
_MAX_LINE = 78
_SIGNATURE_LINE = 72


class Signer:
    """Signs mails with the keys of one sender. May be used by several threads."""

    def __init__(self, keys: Sequence[SigningKey]) -> None:
        """With two keys each mail gets two signatures, the RSA one first."""
        self.keys = tuple(sorted(keys, key=lambda key: not key.is_rsa))

    @classmethod
    def from_settings(cls, sender: Sender, *, root: Path) -> Signer:
        """Reads and parses the keys of ``sender``, once; file paths start at the workspace ``root``.

        Without ``dkim`` in the settings it signs nothing. Raises `SecretError`
        if a key cannot be read or used.
        """
        return cls([read_key(dkim, from_address=sender.address, root=root) for dkim in sender.dkim])

    def sign(self, raw: bytes, *, at: datetime) -> bytes:
        """The ``DKIM-Signature`` fields that go before ``raw``, each with its line end; empty without keys.

        ``raw`` is the mail as it leaves, but not yet dot-stuffed. ``at`` (aware)
        becomes ``t=``; equal arguments give equal bytes. Raises `RenderError` for
        a mail without From, with a broken header, or with an 8-bit body, which a
        server on the way may have to encode (RFC 6376 5.3).
        """
        if not self.keys:
            return b""
        if at.tzinfo is None:
            raise ValueError("the time of a signature needs a zone")
        end = raw.find(b"\r\n\r\n")
        if end < 0:
            raise _error("no empty line ends its header")
        # a header may be UTF-8 (RFC 6532), so only then is it worth a copy of the body
        if not raw.isascii() and not raw[end:].isascii():
            raise _error("its body is 8-bit text")
        names, signed = _signed_fields(raw[:end])
        hashed = body_hash(raw, end + 4)
        tail = b"%d;\r\n bh=%b;\r\n b=" % (int(at.timestamp()), hashed)
        return b"".join([_signature(key, names, signed, tail) for key in self.keys])


def relaxed_fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header fields in their order: the name in small letters, and the relaxed field (RFC 6376 3.4.2).

    ``head`` has CRLF between its lines and none at its end. Raises `RenderError`
    for a line that is no field.
    """
    flat = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").replace(b"\t", b" ")
    while b"  " in flat:
        flat = flat.replace(b"  ", b" ")
    fields = []
    for line in flat.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        name = name.rstrip(b" ").lower()
        if not colon or not name:
            raise _error("a line of its header is no field")
        fields.append((name, name + b":" + value.strip(b" ") + b"\r\n"))
    return fields


def body_hash(raw: bytes, start: int) -> bytes:
    """The base64 of the SHA-256 of the body that begins at ``start``, in simple form (RFC 6376 3.4.3)."""
    end = len(raw)
    while raw.endswith(b"\r\n", start, end):
        end -= 2
    hashed = hashlib.sha256(memoryview(raw)[start:end])  # a view: bodies with images are large
    hashed.update(b"\r\n")
    return base64.b64encode(hashed.digest())


def _signed_fields(head: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The names for ``h=``, and the fields that they sign.

    The last field of a name is signed first (RFC 6376 5.4.2). "from" comes once more than
    there are such fields, so that a second From, put in later, breaks the signature (8.15).
    """
    found = [field for field in reversed(relaxed_fields(head)) if field[0] in SIGNED_FIELDS]
    names = (*[name for name, _ in found], b"from")
    if names.count(b"from") < 2:
        raise _error("it has no From")
    return names, b"".join([field for _, field in found])


def _signature(key: SigningKey, names: tuple[bytes, ...], signed: bytes, tail: bytes) -> bytes:
    """One whole field; ``tail`` is what follows after ``t=``, up to the empty ``b=``."""
    start, flat_start = _beginning(key.algorithm, key.domain, key.selector, names)
    data = b"".join((signed, flat_start, tail.replace(b"\r\n", b"")))
    value = base64.b64encode(key.sign(data))
    pieces = [value[at : at + _SIGNATURE_LINE] for at in range(0, len(value), _SIGNATURE_LINE)]
    return b"".join((start, tail, b"\r\n ".join(pieces), b"\r\n"))


@lru_cache(maxsize=64)
def _beginning(algorithm: str, domain: str, selector: str, names: tuple[bytes, ...]) -> tuple[bytes, bytes]:
    """A signature field up to the value of ``t=``: as it leaves, and relaxed as it is signed."""
    lines = [f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/simple;"]
    place = f" d={domain}; s={selector};"
    lines += [place] if len(place) <= _MAX_LINE else [f" d={domain};", f" s={selector};"]
    line = " h="
    for word in [f"{name.decode()}:" for name in names[:-1]] + [f"{names[-1].decode()};"]:
        if len(line) + len(word) > _MAX_LINE:
            lines.append(line)
            line = " "
        line += word
    lines += [line, " t="]
    written = "\r\n".join(lines).encode()
    name, _, value = written.replace(b"\r\n", b"").partition(b": ")
    return written, b"%b:%b" % (name.lower(), value)


def _error(what: str) -> RenderError:
    return RenderError([Problem("message", 0, 0, f"this mail cannot be signed for DKIM: {what}")])
