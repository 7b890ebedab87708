"""A file in ``campaigns/`` as the program sees it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue, PlainValidator, WithJsonSchema

from nurture.vocabulary import CampaignKind, ConsentKind, Intent, Purpose
from nurture.workspace.condition_parser import parse_condition
from nurture.workspace.conditions import Condition
from nurture.workspace.fields import Duration, Line, Model, Slug
from nurture.workspace.notices import Approve
from nurture.workspace.schedule import Schedule, parse_schedule
from nurture.workspace.settings import Window

Rule = Annotated[Condition, PlainValidator(parse_condition), WithJsonSchema({"title": "condition"})]
When = Annotated[
    Schedule,
    PlainValidator(parse_schedule),
    WithJsonSchema({"type": "string", "title": "schedule", "examples": ["first tuesday at 09:30"]}),
]


class NewsQuery(Model):
    """Which news items an edition carries."""

    audience: Slug | None = Field(None, description="Only items for this audience.")
    tags: tuple[Slug, ...] = Field((), description="Only items with one of these tags.")
    feed: Slug | None = Field(None, description="Only entries of this feed; without it, feed entries stay out.")
    unseen: bool = Field(True, description="Only items that the reader has not had yet.")
    max: int = Field(4, ge=1, le=20, description="At most so many items, pinned first, then newest.")


class Content(Model):
    """What fills an edition besides its own words."""

    news: NewsQuery | None = Field(None, description="News items to carry.")
    skip_if_empty: bool = Field(True, description="No edition at all when nobody has unseen news.")


class Campaign(Model):
    """A campaign, `campaigns/NAME.yaml`. Its name is the file's name."""

    kind: CampaignKind = Field(description="`broadcast` goes once, `newsletter` again and again.")
    topic: Slug = Field(description="What readers may leave on its own; stands in List-Id.")
    to: Rule = Field(description="Who is meant: a condition, or the name of a segment.")
    schedule: When | None = Field(
        None,
        description="`first tuesday at 09:30`, `every 2 weeks on tuesday at 09:30 from 2026-12-01`, "
        "`2026-12-01 at 09:30`, `cron 30 9 1 * *`. Without it only `nurture send` starts an edition.",
    )
    subject: Line = Field(description="Subject line; Jinja.")
    preheader: Line | None = Field(None, description="The words that mailboxes show after the subject; Jinja.")
    template: Slug = Field(description="A template in `templates/emails/`, without its ending.")
    body: str | None = Field(
        None,
        max_length=100_000,
        description="The campaign's own words: Markdown with Jinja, where the template shows `body`.",
    )
    values: dict[str, JsonValue] = Field(
        default_factory=dict, description="Free values for the template: `{{ values.date }}`."
    )
    content: Content = Field(default_factory=Content, description="News to carry.")
    intent: Intent = Field(description="`give` is useful without return, `ask` wants something.")
    sender: Slug | None = Field(None, description="A key under `senders`; the first one by default.")
    from_owner: bool = Field(
        False,
        description="In the name of the person under `staff` who owns the reader's organization; of the sender where "
        "there is none.",
    )
    purpose: Purpose | None = Field(
        None,
        description="Why it writes to past patients. Required where it means them; without it, partners who are past "
        "patients as well are left out.",
    )
    paid_by_third_party: bool = Field(
        False, description="Somebody else pays for it: never for past patients, who would each have to sign for it."
    )
    consent_required: tuple[ConsentKind, ...] | None = Field(
        None, description="Tightens the settings' rule: only these consents allow mail."
    )
    window: Window | None = Field(None, description="When mail may leave; the settings' window by default.")
    late: Duration | None = Field(None, description="How long after its time an edition may still leave.")
    spread: Duration | None = Field(
        None,
        description="Its mails leave one after the other over so much open time, in an order of chance; "
        "without it as soon as the window opens.",
    )
    approve: Approve | None = Field(
        None, description="Whether its live editions wait for `nurture approve`; the settings' rule by default."
    )
    track: bool | None = Field(
        None,
        description="Whether opens and clicks of partners are counted; by default as `privacy.track` says.",
    )
    edition: int = Field(1, ge=1, le=1000, description="Raise it to send a broadcast again.")
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = Field(
        "en", description="Language of the mail."
    )
