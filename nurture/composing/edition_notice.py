"""The owner's notice: a plain head, and below it the very mails that an edition's readers get."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Final

from nurture.composing.edition import EditionContent
from nurture.composing.headers import date_text, encode_mailbox, encode_text, folded, header, one_word
from nurture.composing.message import ComposedMessage
from nurture.composing.mime import assemble, image_part, quoted_printable

# What a mail program writes for whoever follows the way out of a mail that stands in a notice; nobody leaves by it.
LINK_SUBJECT: Final = "NOTICE: this link does nothing"
_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
# What some mailboxes show beside the subject; in a notice the head shall stand there.
_PREHEADER = re.compile(r'<div style="display:none[^>]*>[^<]*</div>')
_RULE = "=" * 60


@dataclass(frozen=True, slots=True)
class Shown:
    """One mail that readers get; ``label`` says who they are."""

    label: str
    message: ComposedMessage


@dataclass(frozen=True, slots=True)
class EditionNotice:
    """What a notice says. ``paragraphs`` are the head; one that begins with four blanks is to be typed as it is."""

    subject: str
    paragraphs: tuple[str, ...]
    shown: tuple[Shown, ...]

    @property
    def text(self) -> str:
        """The text part."""
        parts = ["\n\n".join(self.paragraphs)]
        for each in self.shown:
            parts.append(f"{_RULE}\n{each.label}\nSubject: {each.message.subject}\n{_RULE}")
            parts.append(each.message.text)
        return "\n\n".join(part.rstrip() for part in parts) + "\n"

    @property
    def html(self) -> str:
        """The HTML part; images by their ``cid:`` words."""
        first_words, *rest = self.paragraphs
        head = _box(_paragraph(first_words, bold=True) + "".join(map(_paragraph, rest)))
        if not self.shown:
            return f"<!doctype html><html><body>{head}</body></html>"
        first, *others = self.shown
        whole = _PREHEADER.sub("", first.message.html)
        bodies = "".join(_bar(each) + _inside(each.message.html) for each in others)
        opened = _BODY.search(whole)
        assert opened is not None, "MJML always makes a body"
        top = f"{opened[0]}{head}{_bar(first)}"
        whole = f"{whole[: opened.start()]}{top}{whole[opened.end() :]}"
        end = list(_BODY_END.finditer(whole))[-1].start()
        return f"{whole[:end]}{bodies}{whole[end:]}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom a notice goes to, and when. ``message_id`` stands in angle brackets, ``date`` is aware."""

    message_id: str
    date: datetime
    from_name: str
    from_address: str
    to: str


def compose_edition_notice(notice: EditionNotice, content: EditionContent, envelope: Envelope) -> bytes:
    """The whole mail, ready to be signed; the same inputs give the same bytes.

    RFC 3834 5 keeps automatic answers away by ``Auto-Submitted``, Exchange by its own field ([MS-OXCMAIL] 2.2.3.2.14).
    It has none of the fields by which a mail to many is known.
    """
    fields = (
        ("Date", date_text(envelope.date)),
        ("From", encode_mailbox(envelope.from_name, envelope.from_address, used=len("From: "))),
        ("To", f"<{one_word(envelope.to)}>"),
        ("Subject", encode_text(notice.subject, used=len("Subject: "))),
        ("Message-ID", folded("Message-ID", envelope.message_id)),
        ("Auto-Submitted", "auto-generated"),
        ("X-Auto-Response-Suppress", "All"),
        ("MIME-Version", "1.0"),
    )
    head = "".join(header(name, value) for name, value in fields).encode()
    html = notice.html
    images = [
        image_part(word, image.kind, base64.b64decode(image.data), image.name)
        for word, image in content.images.items()
        if word in html
    ]
    return assemble(head, quoted_printable(notice.text).encode("ascii"), quoted_printable(html).encode("ascii"), images)


def notice_page(notice: EditionNotice, content: EditionContent) -> str:
    """The HTML part with its images inside, for a browser."""
    html = notice.html
    for word, image in content.images.items():
        html = html.replace(word, f"data:image/{image.kind};base64,{image.data}")
    return html


def _inside(html: str) -> str:
    """What stands between the body's tags."""
    opened, ends = _BODY.search(html), list(_BODY_END.finditer(html))
    assert opened is not None, "MJML always makes a body"
    return _PREHEADER.sub("", html[opened.end() : ends[-1].start()])


_FONT = "font-family:Arial,Helvetica,sans-serif;color:#1f2a30;text-align:left;"


def _box(inside: str) -> str:
    return (
        f'<div style="{_FONT}background:#fff8e1;border-bottom:3px solid #b7791f;padding:16px;">'
        f'<div style="max-width:600px;margin:0 auto;font-size:16px;line-height:24px;">{inside}</div></div>'
    )


def _paragraph(text: str, *, bold: bool = False) -> str:
    if text.startswith("    "):
        style = (
            "margin:0 0 12px;padding:8px 12px;background:#ffffff;border:1px solid #d8c48a;white-space:pre-wrap;"
            "overflow-wrap:anywhere;font-family:Consolas,Menlo,monospace;font-size:14px;line-height:20px;"
        )
        return f'<p style="{style}">{escape(text.strip())}</p>'
    weight = "font-weight:bold;" if bold else ""
    return f'<p style="margin:0 0 12px;{weight}">{escape(text).replace(chr(10), "<br>")}</p>'


def _bar(each: Shown) -> str:
    """What parts one mail from the next."""
    label = escape(each.label).replace("\n", "<br>")
    words = f"{label}<br>Subject: <strong>{escape(each.message.subject)}</strong>"
    return (
        f'<div style="{_FONT}background:#e6ebee;padding:12px 16px;">'
        f'<div style="max-width:600px;margin:0 auto;font-size:14px;line-height:20px;">{words}</div></div>'
    )
