"""The parts of a mail put together by hand (RFC 2045, 2046, 2387).

``multipart/alternative`` with the text first; around it ``multipart/related``
where images travel along. Bodies are quoted-printable with CRLF line ends.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import nodes
from jinja2.visitor import NodeTransformer, NodeVisitor
from markupsafe import Markup, escape

# "=_" never occurs in quoted-printable (RFC 2045 6.7) nor in base64, so these
# boundaries cannot be in any body, and the same inputs give the same bytes
ALTERNATIVE = "=_nurture_alternative"
RELATED = "=_nurture_related"
SOFT_BREAK = "=\r\n"
_MAX_LINE = 76  # RFC 2045 6.7 (5)
_SAFE = re.compile(r"[!-<>-~](?:[ -<>-~]{0,70}[!-<>-~])?\Z")
_MEMO = 4096
# Stands in wrapped links until a mail's own token takes its place: as long, never broken by quoted-printable.
CLICK_MARK = "nurture-click-token-stands-here_"


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """An image as a finished body part, made once per edition."""

    word: str  # "cid:image1", as it stands in the HTML
    part: bytes


def quoted_printable(text: str) -> str:
    """``text`` encoded, lines of at most 76 with CRLF; decodes to ``text`` with CRLF line ends.

    Lone surrogates, which no mail can carry, become question marks.
    """
    octets = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    return binascii.b2a_qp(octets, istext=True).replace(b"\n", b"\r\n").decode("ascii")


def decode_quoted_printable(body: bytes) -> str:
    """What `quoted_printable` was given, with LF line ends."""
    return binascii.a2b_qp(body).decode("utf-8").replace("\r\n", "\n")


class QuotedValues:
    """``finalize`` for templates whose constant text is quoted-printable already.

    Each value is escaped and encoded, and stands on its own line after a soft
    break. Short values that need no encoding, and repeated ones, cost little.
    """

    def __init__(self, check: object) -> None:
        self._check = check
        self._texts: dict[str, Markup] = {}
        self._markups: dict[str, Markup] = {}

    def __call__(self, value: object) -> object:
        """The encoded value, marked as safe so that nothing escapes it again."""
        kind = value.__class__
        memo = self._texts if kind is str else self._markups if kind is Markup else None
        if memo is not None and (found := memo.get(value)) is not None:  # type: ignore[call-overload]
            return found
        self._check(value)  # type: ignore[operator]
        encoded = Markup(quoted_value(str(escape(value))))  # noqa: S704 - escaped in this line
        if memo is not None and len(memo) < _MEMO:
            memo[value] = encoded  # type: ignore[index]
        return encoded


def quoted_value(text: str) -> str:
    """An escaped text as quoted-printable that ends with a soft break; nothing for an empty text."""
    if not text:
        return ""
    if _SAFE.match(text):
        return text + SOFT_BREAK
    if CLICK_MARK in text:  # on a line of its own, so that no soft break gets into it
        return (CLICK_MARK + SOFT_BREAK).join(map(quoted_value, text.split(CLICK_MARK)))
    encoded = quoted_printable(text)
    start = encoded.rfind("\n") + 1
    if len(encoded) - start > _MAX_LINE - 1:  # no room for the soft break
        cut = start + _MAX_LINE - 4
        while "=" in encoded[cut - 2 : cut]:
            cut -= 1
        encoded = encoded[:cut] + SOFT_BREAK + encoded[cut:]
    return encoded + SOFT_BREAK


class _Inspect(NodeVisitor):
    """Whether constant text could be captured and changed before it is put out."""

    captures = False

    def generic_visit(self, node: nodes.Node, *args: object, **kwargs: object) -> None:
        if isinstance(node, nodes.Stmt) and not isinstance(
            node, (nodes.Output, nodes.If, nodes.For, nodes.Assign, nodes.With)
        ):
            self.captures = True
        if isinstance(node, nodes.For) and node.recursive:
            self.captures = True
        super().generic_visit(node, *args, **kwargs)


class _Encode(NodeTransformer):
    def visit_TemplateData(self, node: nodes.TemplateData) -> nodes.TemplateData:  # noqa: N802 - named by jinja2
        return nodes.TemplateData(quoted_value(node.data), lineno=node.lineno)


def can_encode_constants(template: nodes.Template) -> bool:
    """Whether constant text of ``template`` may be encoded once.

    Set blocks, macros, call and filter blocks and recursive loops capture
    output as a value; with them each body is encoded whole.
    """
    inspect = _Inspect()
    inspect.visit(template)
    return not inspect.captures


def encode_constants(template: nodes.Template) -> nodes.Template:
    """``template`` with its constant text as quoted-printable pieces; it is changed in place."""
    encoded: nodes.Template = _Encode().visit(template)
    return encoded


def image_part(word: str, kind: str, data: bytes, name: str) -> EncodedImage:
    """An inline image (RFC 2392, 2183); ``kind`` is ``png``, ``jpeg`` or ``gif``."""
    cid = word.removeprefix("cid:")
    lines = base64.b64encode(data)
    body = b"\r\n".join(lines[start : start + 76] for start in range(0, len(lines), 76))
    head = (
        f'Content-Type: image/{kind}; name="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        f"Content-ID: <{cid}>\r\n"
        f'Content-Disposition: inline; filename="{name}"\r\n\r\n'
    )
    return EncodedImage(word, head.encode("ascii") + body)


def assemble(head: bytes, text: bytes, html: bytes, images: Sequence[EncodedImage]) -> bytes:
    """The whole mail from its header fields and its encoded parts; ends with CRLF."""
    body = [_RELATED_TYPE, b"\r\n--", _RELATED, b"\r\n"] if images else []
    body.append(_ALTERNATIVE_TYPE)
    body += [b"\r\n--", _ALTERNATIVE, b"\r\n", _PLAIN_HEAD, text, b"\r\n--", _ALTERNATIVE, b"\r\n", _HTML_HEAD, html]
    body += [b"\r\n--", _ALTERNATIVE, b"--\r\n"]
    for image in images:
        body += [b"\r\n--", _RELATED, b"\r\n", image.part]
    if images:
        body += [b"\r\n--", _RELATED, b"--\r\n"]
    return b"".join((head, *body))


_ALTERNATIVE, _RELATED = ALTERNATIVE.encode(), RELATED.encode()
_ALTERNATIVE_TYPE = f'Content-Type: multipart/alternative;\r\n boundary="{ALTERNATIVE}"\r\n'.encode()
_RELATED_TYPE = (
    f'Content-Type: multipart/related; type="multipart/alternative";\r\n boundary="{RELATED}"\r\n'
).encode()
_ENCODING = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
_PLAIN_HEAD = b"Content-Type: text/plain; charset=utf-8\r\n" + _ENCODING
_HTML_HEAD = b"Content-Type: text/html; charset=utf-8\r\n" + _ENCODING
