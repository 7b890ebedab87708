"""``nurture check``: every template is compiled and rendered before any mail depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from nurture.composing.compile import compile_template
from nurture.composing.compiled import usage
from nurture.composing.contrast import weak_contrasts
from nurture.composing.edition import EditionContent, prepare, prepare_edition
from nurture.composing.message import Composer
from nurture.composing.recipient import Recipient
from nurture.composing.samples import SampleValues, sample_news, sample_readers
from nurture.composing.shared import PageAddress
from nurture.errors import ComposeError, Problem, RenderError
from nurture.news.item import NewsItem, fits
from nurture.vocabulary import CampaignKind, Category, Intent
from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import All
from nurture.workspace.workspace import Workspace

CLIPPED_AT = 102 * 1024  # Gmail shows no more of a mail's HTML
_DATE = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)  # any: it only fills the Date field
_DAY = _DATE.date().isoformat()


@dataclass(slots=True)
class Examination:
    """What was found: problems stop mails, warnings only make them worse."""

    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def examine_templates(workspace: Workspace, news: Sequence[NewsItem]) -> Examination:
    """Compile and render every template and every campaign.

    Each is tried in the words of every category, with news and without, for a
    contact with everything, with only an address, and with hostile values.
    """
    found = Examination()
    for name, campaign in sorted(workspace.campaigns.items()):
        _examine_campaign(found, workspace, name, campaign, news)
    used = {campaign.template for campaign in workspace.campaigns.values()}
    for name in template_names(workspace.root):
        if name not in used:
            _examine_template(found, workspace, name)
    found.warnings += [
        Problem("nurture.yaml", 0, 0, f"brand: {words}") for words in weak_contrasts(workspace.settings.brand)
    ]
    found.problems = sorted(set(found.problems))
    found.warnings = sorted(set(found.warnings))
    return found


def template_names(root: Path) -> list[str]:
    """The names of the templates in ``templates/emails/``."""
    return sorted(path.stem for path in (root / "templates" / "emails").glob("*.mjml"))


def _examine_campaign(
    found: Examination, workspace: Workspace, name: str, campaign: Campaign, news: Sequence[NewsItem]
) -> None:
    query = campaign.content.news
    items: tuple[NewsItem, ...] = ()
    if query:
        # whatever the day: an item that is right today must not break the mail tomorrow
        items = tuple(item for item in news if fits(item, query)) or sample_news(_DATE.date())
    try:
        content = prepare_edition(workspace, name, news=items, occurrence=_DAY, pages=_pages(workspace))
        composer = Composer(content)
    except ComposeError as error:
        found.problems += error.problems
        return
    found.problems += _unused(content, name, campaign)
    groups = _groups([item.id for item in items], query.max if query else 1)
    if query is None or not campaign.content.skip_if_empty:
        groups.append(())
    _render(found, composer, groups)


def _examine_template(found: Examination, workspace: Workspace, name: str) -> None:
    """A template that no campaign uses yet, with made-up values."""
    campaign = Campaign(
        kind=CampaignKind.BROADCAST,
        topic="sample",
        to=All(()),
        subject="Sample",
        template=name,
        body="Sample **words**.",
        intent=Intent.GIVE,
        from_owner=bool(workspace.settings.staff),
    )
    items = sample_news(_DATE.date())
    try:
        template = compile_template(workspace.root, name)
        content = prepare(
            workspace,
            "sample",
            campaign,
            template,
            lines={},
            news=items,
            day=_DAY,
            occurrence=_DAY,
            pages=_pages(workspace),
        )
        content = replace(content, shared={**content.shared, "values": SampleValues()})
        composer = Composer(content)
    except ComposeError as error:
        found.problems += error.problems
        return
    _render(found, composer, [tuple(item.id for item in items), ()])


def _pages(workspace: Workspace) -> PageAddress | None:
    url = workspace.settings.public_url
    return None if url is None else PageAddress(url)


def _render(found: Examination, composer: Composer, groups: list[tuple[str, ...]]) -> None:
    domain = composer.content.shared["sender"]["address"].rpartition("@")[2]
    # of people about whom the same is known, one is enough
    owners = {frozenset(owner): key for key, owner in composer.content.shared.get("owners", {}).items()}.values()
    largest = 0
    for news_ids in groups:
        for variant in Category:
            for reader, values in sample_readers(owners).items():
                recipient = Recipient(
                    0, f"<check@{domain}>", _DATE, values["contact"]["address"], variant, values, news_ids
                )
                try:
                    largest = max(largest, len(composer.compose(recipient).html.encode()))
                except RenderError as error:
                    found.problems += [
                        replace(problem, message=f"{problem.message} (for {reader})") for problem in error.problems
                    ]
                    return  # the other readers would mostly say the same
    if largest > CLIPPED_AT:
        message = f"the HTML is {largest // 1024} kB; Gmail cuts it off after {CLIPPED_AT // 1024} kB"
        found.warnings.append(Problem(composer.content.texts["html"].file, 0, 0, message))


def _unused(content: EditionContent, name: str, campaign: Campaign) -> Iterator[Problem]:
    """What a campaign says and its template never shows."""
    for part in ("html", "text"):
        names = usage(content.texts[part]).names
        file = content.texts[part].file
        if campaign.body and "body" not in names:
            yield Problem(file, 0, 0, f"the campaign {name!r} has a body, but this template never shows {{{{ body }}}}")
        if campaign.content.news and "news" not in names:
            yield Problem(file, 0, 0, f"the campaign {name!r} carries news, but this template never shows `news`")


def _groups(ids: list[str], size: int) -> list[tuple[str, ...]]:
    """All ids, in mails of at most ``size`` items."""
    return [tuple(ids[start : start + size]) for start in range(0, len(ids), size)]
