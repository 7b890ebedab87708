"""Editions as the owner is to see them: those that come, and those that are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from nurture.planning.approving import Words
from nurture.planning.coming import Coming
from nurture.planning.figures import Figures, figures_of
from nurture.planning.forecast import forecast_figures
from nurture.reports.edition_notice import Standing
from nurture.service.house import House
from nurture.store import editions
from nurture.store.editions import EditionId, EditionRow
from nurture.vocabulary import WAITS_FOR_APPROVAL


@dataclass(frozen=True, slots=True)
class ToShow:
    """An edition that the owner is to see. ``by`` let it go, or why it is held; ``number``: it is made already."""

    id: EditionId
    due_at: datetime
    expires_at: datetime
    content: Mapping[str, Any]
    figures: Figures
    standing: Standing
    by: str = ""
    changed: bool = False
    number: int | None = None


def shown_coming(house: House, coming: Coming, *, changed: bool = False) -> ToShow:
    """A coming edition as the owner is to see it; raises `FilesError` if the news have problems."""
    now, workspace = house.clock.now(), house.workspace
    name, mode = coming.id, house.mode()
    figures = forecast_figures(house.store, workspace, name.campaign, coming.due, now=now)
    with house.store.read() as connection:
        words = Words.read(connection, workspace, mode=mode, now=now)
    shown = ToShow(
        id=name,
        due_at=coming.due.occurrence.at,
        expires_at=coming.due.expires_at,
        content=coming.content,
        figures=figures,
        standing=Standing.GOES,
        changed=changed,
    )
    if name in words.holds:
        return replace(shown, standing=Standing.HELD, by=f"by {words.holds[name].held_by}")
    notice = words.notices.get(name)
    if notice is not None and notice.digest == coming.digest and notice.approved_by is not None:
        return replace(shown, standing=Standing.APPROVED, by=notice.approved_by)
    if words.needs_approval(name.campaign):
        return replace(shown, standing=Standing.WAITS)
    return shown


def shown_under_way(house: House, edition: EditionRow, *, changed: bool = False) -> ToShow | None:
    """An edition that is made, as the owner is to see it; None where it carries nothing."""
    with house.store.read() as connection:
        content = editions.content_of(connection, edition.id)
        figures = figures_of(connection, edition.id)
    if not content:
        return None
    standing, by = Standing.GOES, ""
    if edition.held_because == WAITS_FOR_APPROVAL:
        standing = Standing.WAITS
    elif edition.held_because is not None:
        standing, by = Standing.HELD, edition.held_because
    return ToShow(
        id=edition.public_id,
        due_at=edition.due_at,
        expires_at=edition.expires_at,
        content=content,
        figures=figures,
        standing=standing,
        by=by,
        changed=changed,
        number=edition.id,
    )
