"""One newsletter, many readers: nurture beside the plain way of doing it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

import jinja2
from markupsafe import Markup
from mjml import mjml2html

from benchmarks.measurement import Measurement, median, significant
from benchmarks.processes import ROOT
from nurture.composing.edition import EditionContent, prepare_edition
from nurture.composing.environment import MailEnvironment
from nurture.composing.message import Composer
from nurture.composing.recipient import Recipient, recipient_values
from nurture.composing.text import html_to_text, tidy
from nurture.news.files import load_news
from nurture.news.item import fits
from nurture.vocabulary import Category
from nurture.workspace.workspace import load_workspace

CAMPAIGN = "partner-news"
_EMAILS = ROOT / "templates" / "emails"
_INCLUDE = re.compile(r'<mj-include path="([^"]+)" />')
_DATE = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)


def measure() -> list[Measurement]:
    """CPU time to compose a mail of the sample clinic's partner news, and how many times less that is than naive.

    Naive is what a careful beginner writes: the Jinja templates compiled once,
    then for each reader rendered to MJML, ``mjml2html``, an ``EmailMessage`` with
    both parts, ``as_bytes``. Both take the same template, news, words and readers
    in turns in this process, so their ratio hardly hangs on the machine. It is in
    favour of naive, which inlines no styles and checks nothing; neither carries
    images. Before, both mails are parsed by the standard library: they must say
    the same words and carry the same text part.
    """
    content = edition()
    composer, naive = Composer(content), Naive(content)
    one, three = (readers(content, items) for items in (1, 3))
    compare(composer.compose(one[7]).raw, naive.compose(one[7]))
    size = len(composer.compose(one[7]).html.encode()) / 1000
    ours, theirs, ratios, longer = [], [], [], []
    for _ in range(7):
        ours.append(_cpu_ms(composer.compose, one * 5))
        theirs.append(_cpu_ms(naive.compose, one[:80]))
        ratios.append(theirs[-1] / ours[-1])
        longer.append(_cpu_ms(composer.compose, three * 3))
    ready = [_cpu_ms(Composer, [content]) for _ in range(5)]
    return [
        Measurement("newsletter: its HTML", significant(size), "kB"),
        median("newsletter: compose", ours, "ms CPU"),
        median("newsletter: the same, naive", theirs, "ms CPU"),
        median("newsletter: naive / nurture", ratios, "times", at_least=True),
        median("newsletter with three items: compose", longer, "ms CPU"),
        median("newsletter: make an edition ready, once", ready, "ms CPU"),
    ]


def edition() -> EditionContent:
    """The partner news with items that have no image, and without the logo."""
    workspace = load_workspace(ROOT)
    settings = workspace.settings
    brand = settings.brand.model_copy(update={"logo": None})
    workspace = replace(workspace, settings=settings.model_copy(update={"brand": brand}))
    query = workspace.campaigns[CAMPAIGN].content.news
    assert query is not None, "the partner news carry news"
    items = [item for item in load_news(workspace) if fits(item, query) and not item.image]
    return prepare_edition(workspace, CAMPAIGN, news=items[:3], occurrence="2026-12-01T09:30")


def readers(content: EditionContent, items: int) -> list[Recipient]:
    """Two hundred people with names of their own; some names need UTF-8."""
    found = []
    for number in range(200):
        address = f"person{number}@partner.example"
        person = {
            "first_name": ("Zoë", "Ana", "Grace")[number % 3],
            "last_name": f"Example {number}",
            "address": address,
            "categories": [Category.SCHOOL],
            "organization": {"name": f"Partner {number}", "city": "Salem"},
        }
        identity = f"<{number}.bench@riverbend.example>"
        news_ids = tuple(content.news)[:items]
        values = recipient_values(person)
        found.append(Recipient(number, identity, _DATE, address, Category.SCHOOL, values, news_ids))
    return found


class Naive:
    """Everything anew for each mail, but for compiling the Jinja templates."""

    def __init__(self, content: EditionContent) -> None:
        self.content = content
        html = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        text = jinja2.Environment(undefined=jinja2.StrictUndefined)
        for environment in (html, text):
            environment.filters.update(MailEnvironment(html=True).filters)
        self.mjml = html.from_string(_source("newsletter.mjml"))
        self.body = html.from_string(content.texts["body_html"].source)
        names = ("text", "subject", "preheader", "body_text")
        self.texts = {name: text.from_string(content.texts[name].source) for name in names}

    def compose(self, recipient: Recipient) -> bytes:
        """The mail's bytes."""
        items = []
        for item in (self.content.news[name] for name in recipient.news_ids):
            items.append({**item, **(item["words"].get(recipient.variant.value) or item["words"][""])})
        for_text = [{**item, "html": item["text"]} for item in items]
        for_html = [{**item, "html": Markup(item["html"])} for item in items]
        values: dict[str, Any] = {**self.content.shared, **recipient.values, "news": for_text}
        values |= {name: self.texts[name].render(values) for name in ("subject", "preheader")}
        text = self.texts["text"].render({**values, "body": self.texts["body_text"].render(values).strip()})
        values |= {"news": for_html, "body": Markup(self.body.render(values))}
        html = mjml2html(self.mjml.render(values))
        return self.message(recipient, values, tidy(text), html).as_bytes()

    def message(self, recipient: Recipient, values: dict[str, Any], text: str, html: str) -> EmailMessage:
        """Both parts and the header fields."""
        sender, contact = values["sender"], values["contact"]
        message = EmailMessage(policy=policy.SMTP)
        message["Date"] = format_datetime(recipient.date)
        message["From"] = Address(sender["name"], addr_spec=sender["address"])
        message["To"] = Address(f"{contact['first_name']} {contact['last_name']}", addr_spec=recipient.address)
        message["Subject"] = values["subject"]
        message["Message-ID"] = recipient.message_id
        message["List-Unsubscribe"] = f"<{values['links']['unsubscribe']}>"
        message.set_content(text)
        message.add_alternative(html, subtype="html")
        return message


def compare(ours: bytes, theirs: bytes) -> None:
    """Both mails say the same; raises `AssertionError` where not."""
    mails = [message_from_bytes(raw, policy=policy.default) for raw in (ours, theirs)]
    for name in ("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe"):
        assert mails[0][name] == mails[1][name], f"{name}: {mails[0][name]!r} is not {mails[1][name]!r}"
    for kind in ("plain", "html"):
        words = [part.get_content() for mail in mails if (part := mail.get_body((kind,)))]
        assert len(words) == len(mails), f"a mail has no {kind} part"
        if kind == "html":
            words = [html_to_text(word) for word in words]
        assert words[0].split() == words[1].split(), f"the {kind} parts differ:\n{words[0]}\n---\n{words[1]}"


def _source(name: str) -> str:
    """A template with its partials put in place."""
    text = (_EMAILS / name).read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda found: _source(found[1]), text)


def _cpu_ms(work: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    began = time.process_time()
    for each in inputs:
        work(each)
    return (time.process_time() - began) * 1000 / len(inputs)
