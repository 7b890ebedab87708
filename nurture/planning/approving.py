"""What people said of editions, read from the store: for an edition that is made now, and for those that come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nurture.audience.words import in_words
from nurture.planning.approval import Said, needs_approval, shown_digest, why_held
from nurture.store import Connection, alerts, editions, notices
from nurture.store.brakes import FirstMails
from nurture.store.editions import EditionId, EditionRow
from nurture.store.notices import HoldRow, NoticeRow
from nurture.vocabulary import WAITS_FOR_APPROVAL, AlertKind, Mode
from nurture.workspace.notices import Approve
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import Workspace

_LOOK_BACK = timedelta(days=60)  # an edition that is still to be made was due no longer ago


def rule_of(workspace: Workspace, campaign: str) -> Approve:
    """Which of a campaign's live editions wait for a word; of a campaign whose file is gone each does."""
    found = workspace.campaigns.get(campaign)
    if found is None:
        return Approve.ALWAYS
    return found.approve or workspace.settings.approve


def digest_of(workspace: Workspace, campaign: str, content: Mapping[str, Any]) -> str:
    """What tells the content of an edition that is made now from others (`approval.shown_digest`)."""
    found, settings = workspace.campaigns[campaign], workspace.settings
    return shown_digest(
        content,
        rule=json.dumps(
            {
                "to": in_words(found.to, workspace.segments),
                "topic": found.topic,
                "purpose": found.purpose,
                "paid_by_third_party": found.paid_by_third_party,
                "consent_required": [found.consent_required, settings.consent_required],
            },
            sort_keys=True,
        ),
    )


def first_mails(settings: Settings, mode: Mode, start: datetime) -> FirstMails | None:
    """A clinic that has just gone live looks at what comes back before all others get their mail."""
    if mode is not Mode.LIVE:
        return None
    rule = settings.brakes.first_edition
    return FirstMails(rule.over, rule.sends, start + rule.waits)


def begin(
    connection: Connection, workspace: Workspace, row: EditionRow, content: Mapping[str, Any], *, now: datetime
) -> None:
    """Let an edition go that was just made, or hold it, in the transaction that made it.

    The caller holds the planning lock, so that nobody says a word between the look and the hold.
    """
    name, digest = row.public_id, digest_of(workspace, row.campaign, content)
    notice: NoticeRow | None = None
    if row.mode is Mode.LIVE:
        notice = notices.record(connection, name, mode=row.mode, digest=digest, due_at=row.due_at, now=now)
    held = notices.holds(connection, mode=row.mode).get(name)
    said = Said(
        approved_by=notice.approved_by if notice else None,
        held_by=held.held_by if held else None,
        let_go_before=row.campaign in editions.let_go_before(connection, mode=row.mode),
    )
    notices.end_hold(connection, name, mode=row.mode)
    because = why_held(rule_of(workspace, row.campaign), said, mode=row.mode)
    if because is not None:
        editions.hold(connection, row.id, because=because, now=now)
    elif said.approved_by is not None:
        editions.note_approval(connection, row.id, by=said.approved_by, now=now)
    if because == WAITS_FOR_APPROVAL:
        words = f"it {WAITS_FOR_APPROVAL}: nurture approve {name} (or nurture cancel {name})"
        alerts.raise_alert(connection, AlertKind.EDITION_HELD, str(name), words, now)


@dataclass(frozen=True, slots=True)
class Words:
    """What was said of the editions that come, in one mode."""

    workspace: Workspace
    mode: Mode
    notices: Mapping[EditionId, NoticeRow]
    holds: Mapping[EditionId, HoldRow]
    let_go_before: frozenset[str]

    @classmethod
    def read(cls, connection: Connection, workspace: Workspace, *, mode: Mode, now: datetime) -> Words:
        """Read it all at once."""
        return cls(
            workspace,
            mode,
            notices.in_force(connection, mode=mode, due_after=now - _LOOK_BACK),
            notices.holds(connection, mode=mode),
            editions.let_go_before(connection, mode=mode),
        )

    def of(self, name: EditionId) -> str:
        """What stands in the way of an edition that is not made yet, or who let it go; "": nothing to say."""
        if name in self.holds:
            return f"held by {self.holds[name].held_by}"
        notice = self.notices.get(name)
        if notice is not None and notice.approved_by is not None:
            return f"approved by {notice.approved_by}"
        return "needs approval" if self.needs_approval(name.campaign) else ""

    def needs_approval(self, campaign: str) -> bool:
        """Whether the campaign's next edition waits for somebody's word."""
        rule = rule_of(self.workspace, campaign)
        return needs_approval(rule, mode=self.mode, let_go_before=campaign in self.let_go_before)
