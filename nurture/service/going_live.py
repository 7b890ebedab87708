"""``nurture go-live``: the day on which mail leaves for real, and the way back.

Nothing that was due before that moment is ever planned (`planning.outlook`), and what happened in the sandbox counts
for nothing, because all history is kept by mode.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from nurture.delivery.guard import refuse_copy, rise
from nurture.doctor.resolving import Question
from nurture.errors import CopyError, InputError
from nurture.planning.forecast import ForecastEdition, forecast
from nurture.planning.outlook import loaded_campaigns
from nurture.reports.reach import Reach, reach
from nurture.service import doctor
from nurture.service.checking import check
from nurture.service.house import House
from nurture.service.leave_test import ways_out
from nurture.service.mail_test import MailTest, send_test
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
    """It is live since then (UTC); ``test`` is what the clinic's own people got just before."""

    since: datetime
    test: MailTest


@dataclass(frozen=True, slots=True)
class Undone:
    """It is in the sandbox again. ``waiting`` live mails wait: they go on when the clinic is live again, or expire."""

    waiting: int


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What somebody says, and where to ask.

    ``no_previous_list``: no other system mailed these people before. ``question`` asks the DNS; unless ``online``,
    nothing else that `doctor` looks at is asked.
    """

    no_previous_list: bool
    question: Question
    online: bool = True


def examine(house: House, circumstances: Circumstances) -> Readiness:
    """Look at everything that could make a clinic sorry; changes nothing.

    Raises `InputError` if it is live already, `StoreError`, and `CopyError` in an older copy of the database.
    """
    now, settings = house.clock.now(), house.workspace.settings
    refuse_copy(house.store, settings.zone)
    with house.store.read() as connection:
        _refuse_live(connection)
        reached = reach(connection, settings, settings.today(now))
        samples = count_at_domains(connection, within=RESERVED_DOMAINS)
        known = circumstances.no_previous_list or bool(meta.previous_list(connection))
    return Readiness(
        clinic=settings.clinic.name,
        obstacles=(
            *_in_files(house, now),
            *_in_database(samples=samples, previous_list=known),
            *_outside(house, circumstances),
        ),
        reach=reached,
        coming=_coming(house, now),
    )


def go_live(house: House, circumstances: Circumstances, *, clinic: str) -> Live:
    """From now on mail leaves, first a test to the clinic's own people. ``clinic`` is its name as somebody typed it.

    Raises `InputError` if something stands before it, the name is another, or the mail server does not take the test;
    then nothing is changed. And whatever `send_test` raises.
    """
    found = examine(house, circumstances)
    if found.obstacles:
        raise InputError("not live: " + "; ".join(found.obstacles))
    if clinic.strip() != found.clinic:
        raise InputError(f"not live: the clinic's name is {found.clinic!r}, not {clinic.strip()!r}")
    test = _send_test(house, found)
    if not test.all_taken:
        answers = "; ".join(f"{mail.to}: {mail.answer}" for mail in test.mails if not mail.taken)
        raise InputError(f"not live: the mail server did not take the test mail: {answers}")
    now = house.clock.now()
    with house.store.write() as connection:
        _refuse_live(connection)
        meta.set_mode(connection, Mode.LIVE, now)
        # as seen now: else what is due before the loop's first look would count as due before the file was there
        campaigns.record_versions(connection, loaded_campaigns(house.workspace), mode=Mode.LIVE, now=now)
    with contextlib.suppress(CopyError):  # then nothing leaves, and `nurture status` says so
        # else a copy made before the first mail would not be noticed, and both would send it
        rise(house.store, house.workspace.settings.zone, now)
    return Live(now, test)


def refuse_sandbox(house: House) -> None:
    """Raises `InputError` if it is in the sandbox already."""
    with house.store.read() as connection:
        _refuse_sandbox(connection)


def go_back(house: House) -> Undone:
    """Back to the sandbox, before the next mail; a body that is on its way cannot be called back.

    Raises `InputError` if it is in the sandbox already.
    """
    now = house.clock.now()
    with house.store.write() as connection:
        _refuse_sandbox(connection)
        meta.set_mode(connection, Mode.SANDBOX, now)
        waiting = state_counts(connection, mode=Mode.LIVE, states=WAITING_STATES)
    return Undone(sum(waiting.values()))


def _refuse_live(connection: Connection) -> None:
    if meta.get_mode(connection) is Mode.LIVE:
        since = meta.live_since(connection)
        raise InputError(f"the clinic is live since {since:%Y-%m-%d %H:%M} UTC; nurture go-live --undo returns")


def _refuse_sandbox(connection: Connection) -> None:
    if meta.get_mode(connection) is not Mode.LIVE:
        raise InputError("the clinic is not live; all mail stays in the sandbox")


def _in_files(house: House, now: datetime) -> Iterator[str]:
    settings = house.workspace.settings
    for problem in check(house.root, now=now).problems:
        yield str(problem)
    for value in made_up(settings):
        yield f"nurture.yaml: {value}; write the clinic's own"
    yield from _without_account(house.workspace)
    if not settings.test_recipients:
        yield "nurture.yaml: test_recipients is empty; write the owner's address: a real test mail goes there first"
    if not house.workspace.campaigns:
        yield "campaigns: there is none; nurture new campaign NAME"


def _in_database(*, samples: int, previous_list: bool) -> Iterator[str]:
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


def _outside(house: House, circumstances: Circumstances) -> Iterator[str]:
    for way in ways_out(house):
        if way.seen_at is None:
            yield f"{way.where}: nobody has seen yet that readers can leave this way: nurture leave-test"
    if made_up(house.workspace.settings):
        return  # the DNS has nothing about domains of examples
    report = doctor.examine(house, question=circumstances.question, online=circumstances.online)
    for failed in report.failed:
        record = " nurture doctor shows it, ready to be copied." if failed.record else ""
        yield f"doctor: {failed.name} of {failed.about}: {failed.seen}. {failed.mend}{record}"


def _send_test(house: House, found: Readiness) -> MailTest:
    """The mails of the campaign that comes first; of another where that one has nothing to say now."""
    coming = dict.fromkeys(edition.id.campaign for edition in found.coming)
    nothing: InputError | None = None
    for campaign in (*coming, *sorted(house.workspace.campaigns.keys() - coming.keys())):
        try:
            return send_test(house, campaign)
        except InputError as error:
            nothing = error
    raise InputError(f"not live: no campaign has a test mail to send: {nothing}") from nothing


def _without_account(workspace: Workspace) -> Iterator[str]:
    """Senders that a campaign uses and that have no mail account."""
    settings = workspace.settings
    used = {campaign.sender or settings.default_sender for campaign in workspace.campaigns.values()}
    for name in sorted(used or {settings.default_sender}):
        if settings.senders[name].smtp is None:
            yield f"nurture.yaml: senders.{name} has no mail account; write its smtp, or a preset (docs/senders.md)"


def _coming(house: House, now: datetime) -> tuple[ForecastEdition, ...]:
    return forecast(house.store, house.workspace, now=now, days=DAYS, going_live=True)
