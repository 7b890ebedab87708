"""From when on a reader may be mailed: the campaign's window in the reader's zone."""

from __future__ import annotations

from datetime import datetime

from nurture.planning.selection import openings_of
from nurture.planning.windows import next_open, zone_for
from nurture.store.contacts import PersonRow
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import Workspace


def opens(workspace: Workspace, campaign: str, person: PersonRow, instant: datetime) -> datetime:
    """The first instant from ``instant`` on in which the reader's window is open (UTC).

    A machine that slept past the evening must not send at night (DESIGN 4).
    A campaign whose file is gone has the settings' window; a window that never
    opens binds nobody.
    """
    settings: Settings = workspace.settings
    found = workspace.campaigns.get(campaign)
    organization = person.organization
    zone = zone_for(
        (person.time_zone, organization.time_zone if organization else None),
        default=settings.zone,
    )
    if found is None:
        window, holidays = settings.window.hours, frozenset(settings.clinic.holidays)
    else:
        openings = openings_of(found, settings)
        window, holidays = openings.window, openings.holidays
    return next_open(instant, window=window, zone=zone, holidays=holidays) or instant
