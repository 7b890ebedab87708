"""One mail for one reader: the same inputs always give the same bytes."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any

from markupsafe import Markup

from nurture.address import clean_text
from nurture.composing import headers
from nurture.composing.binding import always_shown, bind_shared
from nurture.composing.compiled import Compiled, parse
from nurture.composing.edition import EditionContent, image_words
from nurture.composing.environment import CompiledText, MailEnvironment, refuse_empty
from nurture.composing.gates import Gates
from nurture.composing.images import MAX_IMAGES
from nurture.composing.links import PIXEL, TABLE, FollowedLinks
from nurture.composing.mime import (
    CLICK_MARK,
    EncodedImage,
    QuotedValues,
    assemble,
    can_encode_constants,
    decode_quoted_printable,
    encode_constants,
    image_part,
    quoted_printable,
    quoted_value,
)
from nurture.composing.recipient import Recipient, full_name
from nurture.composing.return_path import return_path
from nurture.composing.text import tidy
from nurture.composing.trial import trial_mark
from nurture.composing.way_out import WayOut
from nurture.errors import Problem, RenderError
from nurture.vocabulary import Category

_NO_LINKS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class ComposedMessage:
    """A finished mail.

    ``raw`` has CRLF line ends and is not dot-stuffed. ``encoded_html`` is the
    HTML part as it stands in it; ``html`` and ``text`` are what readers see.
    """

    raw: bytes
    envelope_from: str
    envelope_to: str
    subject: str
    text: str
    encoded_html: str

    @property
    def html(self) -> str:
        """The HTML part, decoded."""
        return decode_quoted_printable(self.encoded_html.encode("ascii"))


class Composer:
    """Composes the mails of one edition. May be used by several threads."""

    def __init__(self, content: EditionContent) -> None:
        """Compile the edition's texts; raises `ComposeError` if one cannot be."""
        self.content = content
        self._lock = Lock()
        shared = content.shared
        self._way_out = WayOut(shared)
        hidden = ("staff", "pages", "owners")
        self._base = {name: value for name, value in shared.items() if name not in hidden}
        self._owners: Mapping[str, Mapping[str, Any]] = shared.get("owners", {})
        # whoever writes signs, so it is no constant where each organization has its own writer
        self._signer = {"signer": self._base.pop("signer")} if self._owners and "signer" in self._base else {}
        if self._way_out.differs:
            del self._base["links"]
        self._followed = FollowedLinks(shared["pages"]["url"], content.targets) if content.targets else None
        self._html, self._encoded, html_always = _html_template(content.texts["html"], self._base, self._followed)
        self._plain, always = {}, {}
        for name in ("text", "subject", "preheader", "body_html", "body_text"):
            if name in content.texts:
                environment = MailEnvironment(html=name == "body_html")
                links = self._followed if name == "body_html" else None
                self._plain[name], always[name] = _bound(content.texts[name], environment, self._base, links)
        self._file = content.texts["html"].file
        self._gates = Gates(shared["clinic"], html_always=html_always, text_always=always["text"])
        self._images = {
            word: image_part(word, image.kind, base64.b64decode(image.data), image.name)
            for word, image in content.images.items()
        }
        self._always = [word for word, image in content.images.items() if image.always]
        logo = shared["brand"].get("logo")
        self._often = [logo] if logo and logo not in html_always else []
        if logo and logo in html_always:
            self._always.append(logo)
        self._news = lru_cache(maxsize=1024)(self._make_news)
        self._base["preheader"] = ""
        self._mark = trial_mark(shared)
        self._head = _EditionHead(shared, self._way_out)

    @property
    def encodes_pieces(self) -> bool:
        """Whether constant text is encoded once, not with each mail."""
        return self._encoded

    def compose(self, recipient: Recipient) -> ComposedMessage:
        """The mail for ``recipient``; raises `RenderError` if it cannot or must not leave."""
        with self._lock:
            return self._compose(recipient)

    def browser_html(self, message: ComposedMessage) -> str:
        """The HTML part with its images inside, for a browser."""
        html = message.html
        for word, image in self.content.images.items():
            html = html.replace(word, f"data:image/{image.kind};base64,{image.data}")
        return html

    def _compose(self, recipient: Recipient) -> ComposedMessage:
        tokens = recipient.tokens
        followed = self._followed if tokens.click else None
        html_news, text_news = self._news(recipient.variant, recipient.news_ids, followed)
        links = self._way_out.links(tokens)
        context = {**self._base, **self._signer, **recipient.values, "links": links}
        organization = context.get("organization") or {}
        owner = self._owners.get(organization.get("owner", ""))
        if owner is not None:
            context |= {"owner": owner, "signer": owner}
        context["organization"] = self._organization(organization)
        context["news"] = text_news
        for name in ("subject", "preheader"):
            if name in self._plain:
                context[name] = clean_text(self._plain[name].render(context))
        if not context["subject"]:
            raise self._error("the subject is empty for this contact")
        if self._mark:
            context["subject"] = f"{self._mark} {context['subject']}"
        html_context = {**context, "news": html_news}
        if self._followed:
            html_context[TABLE] = followed.table if followed else _NO_LINKS
            html_context[PIXEL] = self._way_out.pixel(tokens, hidden=self._followed.hidden)
        if "body_html" in self._plain:
            context["body"] = self._plain["body_text"].render(context).strip()
            html_context["body"] = Markup(self._plain["body_html"].render(html_context))  # noqa: S704 - autoescaped
        text = tidy(self._plain["text"].render(context))
        html = self._html.render(html_context)
        if followed:
            html = html.replace(CLICK_MARK, tokens.click)
        if not self._encoded:
            html = quoted_printable(html)

        def decoded() -> str:
            return decode_quoted_printable(html.encode("ascii"))

        if missing := self._gates.missing(text, html, decoded, unsubscribe=links["unsubscribe"]):
            raise RenderError([Problem(self._file, 0, 0, problem) for problem in missing])
        photos = [owner["photo"]] if owner is not None and "photo" in owner else []
        images = self._images_in(html, [*photos, *image_words(html_news)], decoded)
        head = self._head.fields(recipient, context)
        raw = assemble(head, quoted_printable(text).encode("ascii"), html.encode("ascii"), images)
        sender = return_path(self.content.shared["sender"]["address"], tokens.bounce)
        return ComposedMessage(raw, sender, recipient.address, context["subject"], text, html)

    def _organization(self, organization: Mapping[str, Any]) -> Mapping[str, Any]:
        """With its owner among the staff, where it has one."""
        owner = self.content.shared["staff"].get(organization.get("owner", ""))
        rest = {name: value for name, value in organization.items() if name != "owner"}
        return {**rest, "owner": owner} if owner else rest

    def _make_news(
        self, variant: Category, news_ids: tuple[str, ...], followed: FollowedLinks | None
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """The items for the HTML and for the text part, in the words of ``variant``."""
        html_items, text_items = [], []
        for news_id in news_ids:
            item = self.content.news.get(news_id)
            if item is None:
                raise self._error(f"the edition has no news item {news_id!r}")
            words = item["words"].get(variant.value) or item["words"][""]
            rest = {name: value for name, value in item.items() if name != "words"}
            html = followed.in_html(words["html"]) if followed else words["html"]
            html_items.append({**rest, **words, "html": Markup(html)})  # noqa: S704 - sanitized news
            text_items.append({**rest, **words, "html": words["text"]})
        return html_items, text_items

    def _images_in(self, html: str, own: Sequence[str], decoded: Callable[[], str]) -> list[EncodedImage]:
        """The images that this mail shows; ``own`` are those that not all mails have."""
        words = list(self._always)
        for word in dict.fromkeys((*self._often, *own)):
            if word not in self._images or word in words:
                continue
            # as a value of its own, or (rarely) inside of something longer
            if word in html or quoted_value(word) in html or word in decoded():
                words.append(word)
        images = [self._images[word] for word in words]
        if sum(len(image.part) for image in images) > MAX_IMAGES * 1.4:  # base64 and its line ends
            raise self._error(f"the images of this mail are larger than {MAX_IMAGES // 1000} kB")
        return images

    def _error(self, message: str) -> RenderError:
        return RenderError([Problem(self._file, 0, 0, message)])


class _EditionHead:
    """The header fields; those that all mails share are made once."""

    def __init__(self, shared: Mapping[str, Any], way_out: WayOut) -> None:
        self._way_out = way_out
        self._is_test = bool(trial_mark(shared))
        sender, campaign = shared["sender"], shared["campaign"]
        address, reply_to = sender["address"], sender["reply_to"]
        self._domain = address.rpartition("@")[2]
        self._from = headers.header("From", headers.encode_mailbox(sender["name"], address, used=6))
        day = str(shared["edition"].get("key", "")).translate(str.maketrans("", "", ": "))
        feedback = ":".join((day or "edition", campaign["name"], campaign["kind"], "nurture"))
        self._address, self._reply_to = address, reply_to
        list_id = headers.header("List-Id", headers.folded("List-Id", headers.list_id(campaign["topic"], address)))
        self._lists = (headers.reply_to(reply_to) if reply_to != address else "") + list_id
        self._list_id = list_id
        self._owners: dict[str, tuple[str, str]] = {}  # by name: From, and what stands in the place of `lists`
        rest = [
            ("Feedback-ID", headers.one_word(feedback)),
            ("Content-Language", campaign["language"]),
            ("MIME-Version", "1.0"),
        ]
        self._rest = "".join(headers.header(name, headers.folded(name, value)) for name, value in rest)

    def fields(self, recipient: Recipient, context: Mapping[str, Any]) -> bytes:
        """All fields but Content-Type, each with its line end."""
        message_id = headers.one_word(recipient.message_id)
        if message_id.rpartition("@")[2] != self._domain or not message_id.isascii():
            message = f"a Message-ID under the From domain {self._domain} is needed"
            raise RenderError([Problem("message", 0, 0, message)])
        if headers.one_word(recipient.address) != recipient.address or "@" not in recipient.address:
            raise RenderError([Problem("message", 0, 0, "the contact's address is no mail address")])
        name = "" if self._is_test else full_name(context["contact"])  # a test goes to somebody else
        author, lists = self._written_by(context.get("owner"))
        return "".join(
            (
                headers.header("Date", headers.date_text(recipient.date)),
                author,
                headers.header("To", headers.encode_mailbox(name, recipient.address, used=4)),
                headers.header("Subject", headers.encode_text(context["subject"], used=9)),
                headers.header("Message-ID", headers.folded("Message-ID", f"<{message_id}>")),
                lists,
                self._way_out.fields(recipient.tokens.leave),
                self._rest,
            )
        ).encode("utf-8")

    def _written_by(self, owner: Mapping[str, Any] | None) -> tuple[str, str]:
        """From, and Reply-To with List-Id, of a mail in the name of ``owner``; of the sender without one.

        Answers go to the owner and to the sender's mailbox, where nurture finds replies and STOP. An address at
        another domain than the sender's gets none: what partners write stays at the clinic.
        """
        if owner is None:
            return self._from, self._lists
        address = owner.get("address", "")
        key = f"{owner['name']} <{address}>"
        if key not in self._owners:
            domain = address.rpartition("@")[2].lower()
            own = [address] if domain == self._domain.lower() else []
            answers = dict.fromkeys((*own, self._reply_to))
            reply_to = headers.reply_to(*answers) if list(answers) != [self._address] else ""
            author = headers.header("From", headers.encode_mailbox(owner["name"], self._address, used=6))
            self._owners[key] = author, reply_to + self._list_id
        return self._owners[key]


def _bound(
    compiled: Compiled, environment: MailEnvironment, shared: Mapping[str, Any], followed: FollowedLinks | None
) -> tuple[CompiledText, str]:
    """A text with the edition's values put in, and what of it every mail shows."""
    tree = bind_shared(parse(compiled, environment), shared, html=bool(environment.autoescape))
    always = always_shown(tree)
    if followed:
        tree = followed.prepare(tree, environment)
    return CompiledText(tree, environment, file=compiled.file, origins=compiled.origins), always


def _html_template(
    compiled: Compiled, shared: Mapping[str, Any], followed: FollowedLinks | None
) -> tuple[CompiledText, bool, str]:
    """The HTML template, whether it puts out quoted-printable by itself, and what every mail shows."""
    environment = MailEnvironment(html=True, finalize=QuotedValues(refuse_empty))
    tree = bind_shared(parse(compiled, environment), shared, html=True)
    always = always_shown(tree)
    if not can_encode_constants(tree):
        whole, always = _bound(compiled, MailEnvironment(html=True), shared, followed)
        return whole, False, always
    if followed:
        tree = followed.prepare(tree, environment)
    text = CompiledText(encode_constants(tree), environment, file=compiled.file, origins=compiled.origins)
    return text, True, always
