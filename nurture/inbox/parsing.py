"""Octets to a `Mail`, bounded in size, depth and number of parts; whatever comes is taken apart as far as it can be.

The standard library's parser goes as deep as the mail wants and reads every
line of every attachment; a mail made to hurt costs it minutes. This one looks at
the first two megabytes, at a hundred parts, at twelve levels, and at each level once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from nurture.inbox.decoding import decode_text, decode_transfer, decode_words
from nurture.inbox.mail import Fields, Mail, Part

MAX_OCTETS = 2_000_000
_MAX_DEPTH = 12
_MAX_PARTS = 100
_MAX_FIELDS = 1000
_MAX_VALUE = 20_000  # octets of one field
_MAX_HEAD = 400_000

_FIELD = re.compile(rb"([!-9;-~]{1,100})[ \t]*:[ \t]*(.*)", re.DOTALL)
_SURELY_FIELD = re.compile(
    rb"(?:mime-version|content-[a-z-]{2,30}|x-[a-z0-9-]{1,60}|message-id|received):", re.IGNORECASE
)
_MBOX = re.compile(rb">?From [^\n]*\n")
_PARAMETER = re.compile(r";\s*([^\s=;\"]{1,80})\s*=\s*(\"(?:[^\"\\]|\\.)*\"?|[^;\s]*)")
_LOOKS_LIKE_BOUNDARY = re.compile(rb"^--([\w'()+,./:=?-]{4,70})[ \t]*$", re.MULTILINE)
_LOST_BOUNDARY = re.compile(rb"^--([\w'()+,./:=?-]{4,70})\n(?:content-|\n)", re.MULTILINE | re.IGNORECASE)
_CONTENT_TYPE = re.compile(r"\s*([\w.+-]{1,80}/[\w.+-]{1,80})")
_MAIL_TYPES = ("message/rfc822", "message/global", "message/rfc2822")


def parse_mail(raw: bytes) -> Mail:
    """Take ``raw`` apart; never raises."""
    octets = raw[:MAX_OCTETS].replace(b"\r\n", b"\n").replace(b"\r", b"\n").lstrip(b"\n")
    if mbox := _MBOX.match(octets):
        octets = octets[mbox.end() :]
    fields, body = split_head(octets)
    taking = _Taking(cut=len(raw) > MAX_OCTETS)
    content_type, parameters = _content_type(fields)
    lost = None if "content-type" in fields else _LOST_BOUNDARY.search(body[:300])
    if lost and b"\n--" + lost[1] + b"--" in body:  # parts, but the field that says so got lost
        content_type, parameters = "multipart/mixed", {"boundary": lost[1].decode("ascii", "replace")}
    _take(taking, _Piece(fields, body, content_type, parameters))
    return Mail(fields, content_type, parameters, tuple(taking.parts), octets, taking.cut)


def split_head(octets: bytes) -> tuple[Fields, bytes]:
    """The header fields at the beginning of ``octets``, and what follows them.

    A line that is no field ends the head, as a blank line does; a broken one among fields is passed over.
    """
    pairs: list[tuple[str, str]] = []
    place = 0
    for line, end in _logical_lines(octets):
        found = _FIELD.match(line)
        if found is None:
            if pairs and line and _SURELY_FIELD.match(octets, end):
                continue
            break
        place = end
        if len(pairs) < _MAX_FIELDS:
            pairs.append((found[1].decode("ascii").lower(), _unfolded(found[2][:_MAX_VALUE])))
    if octets[place : place + 1] == b"\n":
        place += 1
    return Fields(tuple(pairs)), octets[place:]


def _logical_lines(octets: bytes) -> Iterator[tuple[bytes, int]]:
    """Each line with those that continue it (RFC 5322 2.2.3), and where the next begins."""
    place = 0
    while place < min(len(octets), _MAX_HEAD):
        end = start = place
        while True:
            end = octets.find(b"\n", end)
            end = len(octets) if end < 0 else end + 1
            if octets[end : end + 1] not in (b" ", b"\t") or not octets[end : end + 200].split(b"\n", 1)[0].strip():
                break
        place = end
        yield octets[start:end].rstrip(b"\n"), end


def _unfolded(value: bytes) -> str:
    return " ".join(decode_text(value, "").split("\n")).strip()


@dataclass(frozen=True, slots=True)
class _Piece:
    fields: Fields
    body: bytes
    content_type: str
    parameters: Mapping[str, str]
    depth: int = 0
    enclosed: int = 0
    alternative: int = 0


@dataclass(slots=True)
class _Taking:
    """What was found so far."""

    cut: bool
    parts: list[Part] = field(default_factory=list)
    alternatives: int = 0


def _take(taking: _Taking, piece: _Piece) -> None:
    if len(taking.parts) >= _MAX_PARTS or piece.depth > _MAX_DEPTH:
        taking.cut = True
        return
    if piece.content_type.startswith("multipart/") and (bodies := _bodies(piece)):
        alternative = piece.alternative
        if piece.content_type == "multipart/alternative":
            taking.alternatives += 1
            alternative = taking.alternatives
        for body in bodies:
            _take_inner(taking, piece, body, alternative=alternative)
        return
    content_type = "text/plain" if piece.content_type.startswith("multipart/") else piece.content_type
    body = decode_transfer(piece.body, piece.fields.raw("content-transfer-encoding"))
    taking.parts.append(Part(piece.fields, content_type, piece.parameters, body, piece.enclosed, piece.alternative))
    if content_type in _MAIL_TYPES:
        # some programs encode a whole mail, against RFC 2046 5.2.1
        _take_inner(taking, piece, body.replace(b"\r\n", b"\n"), enclosed=piece.enclosed + 1)


def _take_inner(
    taking: _Taking, outer: _Piece, octets: bytes, *, alternative: int = 0, enclosed: int | None = None
) -> None:
    fields, body = split_head(octets)
    content_type, parameters = _content_type(fields, digest=outer.content_type == "multipart/digest")
    if enclosed is None:
        enclosed = outer.enclosed
    _take(taking, _Piece(fields, body, content_type, parameters, outer.depth + 1, enclosed, alternative))


def _bodies(piece: _Piece) -> list[bytes]:
    """What stands between the boundaries (RFC 2046 5.1.1); nothing where there is no boundary."""
    octets = piece.body
    boundary = piece.parameters.get("boundary", "").rstrip().encode("utf-8", "replace")
    if not boundary:
        guessed = _LOOKS_LIKE_BOUNDARY.search(octets[:20_000])
        if guessed is None:
            return []
        boundary = guessed[1]
    line = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t]*$", re.MULTILINE)
    bodies: list[bytes] = []
    start = None
    for found in line.finditer(octets):
        if start is not None:
            bodies.append(octets[start : max(found.start() - 1, start)])
        start = found.end() + 1
        if found[1] or len(bodies) > _MAX_PARTS:
            start = None
            break
    if start is not None and octets[start:].strip():
        bodies.append(octets[start:])  # the last boundary is missing
    return bodies


def _content_type(fields: Fields, *, digest: bool = False) -> tuple[str, Mapping[str, str]]:
    """The type in lower case and its parameters, those of Content-Disposition among them."""
    value = fields.raw("content-type")
    found = _CONTENT_TYPE.match(value)
    kind = found[1].lower() if found else ("message/rfc822" if digest and not value else "text/plain")
    return kind, {**_parameters(fields.raw("content-disposition")), **_parameters(value)}


def _parameters(value: str) -> dict[str, str]:
    """``name=value`` pairs, quoted or not, in pieces and percent-encoded (RFC 2231) or not."""
    found: dict[str, str] = {}
    for name, word in _PARAMETER.findall(value[:4000]):
        name = name.lower()
        if word.startswith('"'):
            word = re.sub(r"\\(.)", r"\1", word[1:].removesuffix('"'))
        base, star, _ = name.partition("*")
        if name.endswith("*"):
            charset, quote, rest = word.partition("'")
            text = rest.partition("'")[2] if quote else word
            word = decode_text(unquote_to_bytes(text), charset if quote else "")
        elif "=?" in word:
            word = decode_words(word)
        found[base] = found.get(base, "") + word if star else word
    return found
