"""A small clinic in a temporary folder, and mails composed for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from nurture.composing.edition import EditionContent, prepare_edition
from nurture.composing.message import ComposedMessage, Composer
from nurture.composing.recipient import Recipient, recipient_values
from nurture.news.item import NewsImage, NewsItem, NewsVariant
from nurture.vocabulary import Category, NewsKind
from nurture.workspace.workspace import Workspace, load_workspace

SETTINGS = """\
clinic:
  name: Söhne & Töchter Physio
  phone: 555-0100
  site: https://clinic.example
  time_zone: America/New_York
  address: {street: 1 Main Street, city: Salem, region: MA, postal_code: "02134"}
brand: {logo: logo.png, tagline: We move you}
staff:
  kim: {name: Kim Ō, role: Physiotherapist, phone: 555-0101}
senders:
  clinic: {name: "Clinic, Example", address: hello@clinic.example, reply_to: desk+mail@clinic.example, signer: kim}
"""
CAMPAIGN = """\
kind: newsletter
schedule: first tuesday at 09:30
topic: partner-news
to: {category: [healthcare_provider]}
subject: "{{ news[0].title if news else 'News' }} for {{ contact.greeting }}"
preheader: "{{ clinic.name }} says"
template: letter
intent: give
content: {news: {audience: partners}, skip_if_empty: false}
values: {place: Main hall}
body: |
  Dear {{ contact.greeting }}, *welcome* to {{ values.place }}.
"""
FOOTER = """\
<mj-section><mj-column><mj-text>{{ clinic.name }}, {{ clinic.address.line }}, {{ clinic.phone }}.
<a href="{{ links.unsubscribe }}">Leave</a> or reply STOP.</mj-text></mj-column></mj-section>
"""
LETTER = """\
<mjml>
  <mj-head>
    <mj-title>{{ subject }}</mj-title>
    <mj-preview>{{ preheader }}</mj-preview>
    <mj-style>p { color: {{ brand.text }}; }</mj-style>
  </mj-head>
  <mj-body>
    {# a comment with <b> and "quotes" #}
    <mj-section><mj-column>
      <mj-image src="{{ brand.logo }}" alt="{{ clinic.name }}" width="40px" />
      <mj-text>{{ body }}</mj-text>
    </mj-column></mj-section>
    {% for item in news %}
    <mj-section><mj-column>
      <mj-text><h2>{{ item.title }}</h2>{{ item.html }}</mj-text>
      {% if item.link is defined and 1 < 2 %}
      <mj-button href="{{ item["link"] }}">Read {{ item.title }}</mj-button>
      {% endif %}
      {% if item.image is defined %}<mj-image src="{{ item.image.src }}" alt="{{ item.image.alt }}" />{% endif %}
    </mj-column></mj-section>
    {% endfor %}
    <mj-section><mj-column><mj-text>{{ contact.last_name | default("") }}
      {{ organization.name | default("your practice") }}</mj-text></mj-column></mj-section>
    <mj-include path="partials/footer.mjml" />
  </mj-body>
</mjml>
"""
# the smallest PNG: 1 x 1 pixel
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
NOW = datetime(2026, 12, 1, 14, 30, tzinfo=UTC)


@dataclass
class Clinic:
    """The temporary clinic; write files, then compose."""

    root: Path

    def write(self, path: str, text: str | bytes) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def template(self, body: str, name: str = "letter") -> None:
        """A template that has ``body`` in one text, and the footer."""
        self.raw_template(f"<mj-section><mj-column><mj-text>{body}</mj-text></mj-column></mj-section>", name)

    def raw_template(self, sections: str, name: str = "letter") -> None:
        include = '<mj-include path="partials/footer.mjml" />'
        self.write(f"templates/emails/{name}.mjml", f"<mjml><mj-body>\n{sections}\n{include}</mj-body></mjml>")

    @property
    def workspace(self) -> Workspace:
        return load_workspace(self.root)

    def edition(self, news: tuple[NewsItem, ...] = ()) -> EditionContent:
        return prepare_edition(self.workspace, "news", news=news, occurrence="2026-12-01T09:30")

    def composer(self, news: tuple[NewsItem, ...] = ()) -> Composer:
        return Composer(self.edition(news))

    def compose(self, person: Mapping[str, Any] | None = None, news: tuple[NewsItem, ...] = ()) -> ComposedMessage:
        return self.composer(news).compose(recipient(person, news))


def recipient(
    person: Mapping[str, Any] | None = None,
    news: tuple[NewsItem, ...] = (),
    *,
    address: str = "lee@practice.example",
    variant: Category = Category.HEALTHCARE_PROVIDER,
) -> Recipient:
    values = recipient_values({"address": address, **(person or {})})
    ids = tuple(item.id for item in news)
    return Recipient(7, "<abc@clinic.example>", NOW, address, variant, values, ids)


def item(name: str = "knee", **changes: Any) -> NewsItem:
    values: dict[str, Any] = {
        "id": f"file:{name}",
        "kind": NewsKind.FILE,
        "title": "Knees & hips",
        "summary": "What helps.",
        "html": '<p>Walk <a href="https://x.example/?a=1&amp;b=2">more</a>.</p>',
        "text": "Walk more: https://x.example/?a=1&b=2",
        "date": date(2026, 11, 30),
        "link": "https://clinic.example/knee?a=1&b=2",
        "image": NewsImage("logo.png", "A knee"),
        "variants": {Category.PAST_PATIENT: NewsVariant("Your knees", "Short.", "<p>For you.</p>", "For you.")},
    }
    return NewsItem(**values | changes)


def parse(raw: bytes) -> EmailMessage:
    """The mail as the standard library reads it; it must be without defects."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert part.defects == []
        for value in part.values():
            assert value.defects == ()
    return message


def part_text(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return part.get_content().replace("\r\n", "\n")


def make_clinic(root: Path) -> Clinic:
    made = Clinic(root)
    made.write("nurture.yaml", SETTINGS)
    made.write("campaigns/news.yaml", CAMPAIGN)
    made.write("templates/emails/letter.mjml", LETTER)
    made.write("templates/emails/partials/footer.mjml", FOOTER)
    made.write("logo.png", PNG)
    return made
