"""``nurture check``: everything the clinic wrote, examined without touching anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nurture.errors import FilesError, Problem
from nurture.vocabulary import SkipReason
from nurture.workspace.patients import can_match_past_patients, refusal_for_past_patients
from nurture.workspace.privacy import check_privacy
from nurture.workspace.set_up import costs
from nurture.workspace.workspace import Workspace, load_workspace


@dataclass(frozen=True, slots=True)
class CampaignDates:
    """When a campaign comes: its schedule in words, and its next times in the clinic's zone."""

    campaign: str
    schedule: str
    next: tuple[datetime, ...]


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What was found. ``problems`` must be mended, ``warnings`` are worth a look, ``costs`` are as the clinic chose."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    costs: tuple[str, ...]
    campaigns: tuple[CampaignDates, ...]
    news: int
    templates: int


def check(root: Path, *, now: datetime) -> CheckReport:
    """Load every file, render every template in every variant, and look for what should be private.

    Problems in the YAML files hide what builds on them, so then only those are reported.
    Raises `WorkspaceError` when ``root`` is no workspace.
    """
    from nurture.composing.checking import examine_templates, template_names
    from nurture.news.files import load_news
    from nurture.service.signing import check_keys

    try:
        workspace = load_workspace(root)
        news = load_news(workspace)
    except FilesError as error:
        return CheckReport(error.problems, (), (), (), 0, 0)
    found = examine_templates(workspace, news)
    return CheckReport(
        problems=tuple(sorted({*check_privacy(root, workspace.settings), *check_keys(root), *found.problems})),
        warnings=tuple(sorted([*found.warnings, *_without_purpose(workspace)])),
        costs=costs(workspace.settings),
        campaigns=tuple(_dates(workspace, now)),
        news=len(news),
        templates=len(template_names(root)),
    )


def _without_purpose(workspace: Workspace) -> Iterator[Problem]:
    """Campaigns for partners that leave out whoever is a past patient, too, only because nobody said why they write."""
    for name, campaign in workspace.campaigns.items():
        reached = can_match_past_patients(campaign.to, workspace.segments)
        if reached and refusal_for_past_patients(campaign) is SkipReason.NO_PURPOSE:
            words = "no `purpose`, so partners who are past patients as well are left out (45 CFR 164.501)"
            yield Problem(f"campaigns/{name}.yaml", 0, 0, words)


def _dates(workspace: Workspace, now: datetime) -> list[CampaignDates]:
    from nurture.planning.occurrences import next_occurrences

    zone = workspace.settings.zone
    dates = []
    for name, campaign in sorted(workspace.campaigns.items()):
        if campaign.schedule is None:
            dates.append(CampaignDates(name, "by hand: nurture send", ()))
            continue
        coming = next_occurrences(campaign.schedule, zone=zone, after=now, count=3)
        dates.append(
            CampaignDates(name, campaign.schedule.in_words, tuple(found.at.astimezone(zone) for found in coming))
        )
    return dates
