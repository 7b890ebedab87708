"""Checks across files: names that must exist, and rules that need more than one file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from nurture.errors import Problem
from nurture.vocabulary import CampaignKind, Purpose
from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import Behaviour, Condition, SegmentReference, walk
from nurture.workspace.document import Document
from nurture.workspace.durations import duration_in_words
from nurture.workspace.patients import means_past_patients
from nurture.workspace.schedule import is_recurring
from nurture.workspace.settings import Settings
from nurture.workspace.settings_checks import check_window
from nurture.workspace.suggestions import did_you_mean

_AUTHORIZATION = (
    "needs a signed authorization from each patient (45 CFR 164.508(a)(3)), which this version cannot keep; "
    "leave past patients out, for example with `{not: {category: past_patient}}`"
)


@dataclass(frozen=True, slots=True)
class Files:
    """The readable files of a workspace, and the names of all files, readable or not."""

    root: Path
    settings: tuple[Settings, Document] | None
    segments: Mapping[str, tuple[Condition, Document]]
    campaigns: Mapping[str, tuple[Campaign, Document]]

    def names(self, folder: str, suffix: str = ".yaml") -> tuple[str, ...]:
        """The names of the files in a folder, without their ending, sorted."""
        return tuple(sorted(path.stem for path in (self.root / folder).glob(f"*{suffix}")))


def check_files(files: Files) -> Iterator[Problem]:
    """Every problem between the files. What hangs on a file that cannot be read is left out."""
    segment_names, campaign_names = files.names("segments"), files.names("campaigns")
    for name, (condition, document) in files.segments.items():
        yield from _references(condition, document, (), segments=segment_names, campaigns=campaign_names)
        yield from _cycles(name, files)
    templates = files.names("templates/emails", ".mjml")
    segments = {name: condition for name, (condition, _) in files.segments.items()}
    for campaign, document in files.campaigns.values():
        yield from _references(campaign.to, document, ("to",), segments=segment_names, campaigns=campaign_names)
        yield from _known(document, "template", campaign.template, "template", templates)
        yield from _schedule(campaign, document)
        yield from _purpose(campaign, document, segments)
        if campaign.window is not None:
            yield from check_window(campaign.window.hours, document)
        if files.settings:
            yield from _settings_names(campaign, document, files.settings[0])


def _references(
    condition: Condition,
    document: Document,
    start: tuple[str, ...],
    *,
    segments: tuple[str, ...],
    campaigns: tuple[str, ...],
) -> Iterator[Problem]:
    for node in walk(condition):
        if isinstance(node, SegmentReference) and node.name not in segments:
            hint = did_you_mean(node.name, segments) or f"; a segment is a file segments/{node.name}.yaml"
            yield document.problem((*start, *node.path), f"unknown segment `{node.name}`{hint}")
        if isinstance(node, Behaviour) and node.campaign is not None and node.campaign not in campaigns:
            hint = did_you_mean(node.campaign, campaigns)
            place = (*start, *node.path, "campaign")
            yield document.problem(place, f"unknown campaign `{node.campaign}`{hint}")


def _cycles(name: str, files: Files) -> Iterator[Problem]:
    """A problem at the reference of ``segments/NAME.yaml`` from which a way leads back to it."""
    condition, document = files.segments[name]
    for node in walk(condition):
        if not isinstance(node, SegmentReference):
            continue
        seen: set[str] = set()
        waiting = [node.name]
        while waiting:
            reached = waiting.pop()
            if reached == name:
                yield document.problem(node.path, f"the segment `{name}` refers to itself, by way of `{node.name}`")
                break
            if reached not in seen and reached in files.segments:
                seen.add(reached)
                inner = walk(files.segments[reached][0])
                waiting += [found.name for found in inner if isinstance(found, SegmentReference)]


def _known(document: Document, key: str, name: str, what: str, known: tuple[str, ...]) -> Iterator[Problem]:
    if name not in known:
        hint = did_you_mean(name, known) or (f"; there are {', '.join(known)}" if known else "; there are none")
        yield document.problem(tuple(key.split(".")), f"unknown {what} `{name}`{hint}")


def _settings_names(campaign: Campaign, document: Document, settings: Settings) -> Iterator[Problem]:
    if campaign.sender is not None:
        yield from _known(document, "sender", campaign.sender, "sender", tuple(settings.senders))
    if campaign.from_owner and not settings.staff:
        yield document.problem(("from_owner",), "nobody is there to write: add people under `staff` in nurture.yaml")
    late = settings.late if campaign.late is None else campaign.late
    if campaign.spread is not None and not timedelta(0) < campaign.spread < late:
        words = duration_in_words(late)
        yield document.problem(("spread",), f"must be longer than nothing and shorter than `late`, which is {words}")
    news = campaign.content.news
    if news is not None and news.feed is not None:
        yield from _known(document, "content.news.feed", news.feed, "feed", tuple(settings.feeds))


def _schedule(campaign: Campaign, document: Document) -> Iterator[Problem]:
    if campaign.kind is CampaignKind.BROADCAST and campaign.schedule is not None and is_recurring(campaign.schedule):
        yield document.problem(
            ("schedule",), "a broadcast goes once: write `2026-12-01 at 09:30`, or make it a newsletter"
        )
    if campaign.kind is CampaignKind.NEWSLETTER and campaign.schedule is None:
        yield document.problem((), "a newsletter needs a `schedule`, for example `first tuesday at 09:30`")
    if campaign.kind is CampaignKind.NEWSLETTER and campaign.schedule and not is_recurring(campaign.schedule):
        yield document.problem(
            ("schedule",), "a newsletter comes again: write `first tuesday at 09:30`, or make it a broadcast"
        )


def _resolves(condition: Condition, segments: Mapping[str, Condition]) -> bool:
    """Whether all segments below are readable; else who is meant is unknown, and that is told already."""
    seen: set[str] = set()
    waiting = [condition]
    while waiting:
        for node in walk(waiting.pop()):
            if isinstance(node, SegmentReference) and node.name not in seen:
                if node.name not in segments:
                    return False
                seen.add(node.name)
                waiting.append(segments[node.name])
    return True


def _purpose(campaign: Campaign, document: Document, segments: Mapping[str, Condition]) -> Iterator[Problem]:
    if not _resolves(campaign.to, segments) or not means_past_patients(campaign.to, segments):
        return
    if campaign.purpose is None:
        yield document.problem(
            ("to",),
            "past patients can match, so a `purpose` is required: own_service, treatment or general_health "
            "(45 CFR 164.501); or keep them out with `category`",
            at_key=True,
        )
    if campaign.purpose is Purpose.THIRD_PARTY:
        yield document.problem(("purpose",), f"somebody else's product for past patients {_AUTHORIZATION}")
    if campaign.paid_by_third_party:
        yield document.problem(("paid_by_third_party",), f"mail to past patients that others pay for {_AUTHORIZATION}")
