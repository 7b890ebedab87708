"""Campaigns that ask before an edition goes: after an edited schedule, or under a new name."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from nurture.store import campaigns, meta
from nurture.store.alerts import open_alerts
from nurture.vocabulary import AlertKind


def asks(connection: Connection, campaign: str) -> bool:
    """Whether an edition of this campaign waits for a yes."""
    return any(
        alert.kind is AlertKind.CONFIRM_EDITION and alert.subject.startswith(f"{campaign}@")
        for alert in open_alerts(connection)
    )


def answer(connection: Connection, campaign: str, *, now: datetime) -> bool:
    """Say yes for the present version of the campaign's file; False: it does not ask.

    The next run of the planner makes the edition and closes the alert.
    """
    return asks(connection, campaign) and campaigns.confirm(
        connection, campaign, mode=meta.get_mode(connection), now=now
    )
