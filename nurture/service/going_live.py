"""``nurture go-live``: the day on which mail leaves for real, and the way back.

Nothing that was due before that moment is ever planned (`planning.outlook`), and what happened in the sandbox counts
for nothing, because all history is kept by mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from nurture.delivery.guard import refuse_copy
from nurture.errors import InputError
from nurture.planning.forecast import ForecastEdition, forecast
from nurture.planning.outlook import loaded_campaigns
from nurture.reports.reach import Reach, reach
from nurture.service.checking import check
from nurture.service.house import House
from nurture.store import Connection, campaigns, meta
from nurture.store.accounts import state_counts
from nurture.store.contacts import count_at_domains
from nurture.vocabulary import WAITING_STATES, Mode
from nurture.workspace.made_up import RESERVED_DOMAINS, made_up
from nurture.workspace.workspace import Workspace

DAYS = 31  # how far ahead the first editions are shown


@dataclass(frozen=True, slots=True)
class Readiness:
    """What stands before going live. ``obstacles`` say what to do; empty: it may.

    ``coming`` are the editions of the next days as they would be made if it went live now.
    """

    clinic: str
    obstacles: tuple[str, ...]
    reach: tuple[Reach, ...]
    coming: tuple[ForecastEdition, ...]


@dataclass(frozen=True, slots=True)
class Live:
    """It is live since then (UTC)."""

    since: datetime


@dataclass(frozen=True, slots=True)
class Undone:
    """It is in the sandbox again. ``waiting`` live mails wait: they go on when the clinic is live again, or expire."""

    waiting: int


def examine(house: House, *, no_previous_list: bool) -> Readiness:
    """Look at everything that could make a clinic sorry; changes nothing.

    ``no_previous_list``: somebody says that no other system mailed these people before.
    Raises `InputError` if it is live already, `StoreError`, and `CopyError` in an older copy of the database.
    """
    now, settings = house.clock.now(), house.workspace.settings
    refuse_copy(house.store, settings.zone)
    with house.store.read() as connection:
        _refuse_live(connection)
        reached = reach(connection, settings, settings.today(now))
        samples = count_at_domains(connection, within=RESERVED_DOMAINS)
        known = no_previous_list or meta.get(connection, "previous_list") is not None
    return Readiness(
        clinic=settings.clinic.name,
        obstacles=tuple(_obstacles(house, now, samples=samples, previous_list=known)),
        reach=reached,
        coming=_coming(house, now),
    )


def go_live(house: House, *, clinic: str, no_previous_list: bool) -> Live:
    """From now on mail leaves. ``clinic`` is the clinic's name as somebody typed it.

    Raises `InputError` if something stands before it or the name is another; then nothing is changed.
    """
    found = examine(house, no_previous_list=no_previous_list)
    if found.obstacles:
        raise InputError("not live: " + "; ".join(found.obstacles))
    if clinic.strip() != found.clinic:
        raise InputError(f"not live: the clinic's name is {found.clinic!r}, not {clinic.strip()!r}")
    now = house.clock.now()
    with house.store.write() as connection:
        _refuse_live(connection)
        meta.set_mode(connection, Mode.LIVE, now)
        # as seen now: else what is due before the loop's first look would count as due before the file was there
        campaigns.record_versions(connection, loaded_campaigns(house.workspace), mode=Mode.LIVE, now=now)
    return Live(now)


def go_back(house: House) -> Undone:
    """Back to the sandbox, before the next mail; a body that is on its way cannot be called back.

    Raises `InputError` if it is in the sandbox already.
    """
    now = house.clock.now()
    with house.store.write() as connection:
        if meta.get_mode(connection) is not Mode.LIVE:
            raise InputError("the clinic is not live; all mail stays in the sandbox")
        meta.set_mode(connection, Mode.SANDBOX, now)
        waiting = state_counts(connection, mode=Mode.LIVE, states=WAITING_STATES)
    return Undone(sum(waiting.values()))


def _refuse_live(connection: Connection) -> None:
    if meta.get_mode(connection) is Mode.LIVE:
        since = meta.live_since(connection)
        raise InputError(f"the clinic is live since {since:%Y-%m-%d %H:%M} UTC; nurture go-live --undo returns")


def _obstacles(house: House, now: datetime, *, samples: int, previous_list: bool) -> Iterator[str]:
    for problem in check(house.root, now=now).problems:
        yield str(problem)
    for value in made_up(house.workspace.settings):
        yield f"nurture.yaml: {value}; write the clinic's own"
    yield from _without_account(house.workspace)
    if samples:
        yield (
            f"contacts: {samples} have addresses at domains that are kept for examples (RFC 2606), so they come from a "
            "sample: nurture contacts erase ADDRESS, or begin with a new database"
        )
    if not previous_list:
        yield (
            "whoever left your earlier newsletter must not hear from you again: nurture suppress import FILE; "
            "if there was none: --no-previous-list"
        )


def _without_account(workspace: Workspace) -> Iterator[str]:
    """Senders that a campaign uses and that have no way out."""
    settings = workspace.settings
    used = {campaign.sender or settings.default_sender for campaign in workspace.campaigns.values()}
    for name in sorted(used or {settings.default_sender}):
        if settings.senders[name].smtp is None:
            yield f"nurture.yaml: senders.{name} has no mail account; write its smtp: host, username, password"


def _coming(house: House, now: datetime) -> tuple[ForecastEdition, ...]:
    return forecast(house.store, house.workspace, now=now, days=DAYS, going_live=True)
