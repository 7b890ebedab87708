"""Brakes: a list with many dead addresses holds its edition at an exact mail; the first edition of all begins with few."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery import control
from nurture.delivery.brakes import Brakes
from nurture.store import brakes, plans
from nurture.store.alerts import open_alerts
from nurture.store.brakes import FirstMails
from nurture.store.schema import delivery, edition
from nurture.vocabulary import AlertKind, Mode
from nurture.workspace.brakes import DeadAddresses
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW
from tests.servers.scripted_smtp import ScriptedSmtp, Step

RULE = DeadAddresses()


def answers(*dead: int, of: int) -> list[int]:
    """The numbers of the answers after which the edition is held."""
    found, tallies = [], Brakes()
    tallies.begin(1, 0, 0)
    for number in range(1, of + 1):
        if tallies.answered(1, dead=number in dead, rule=RULE):
            found.append(number)
    return found


@pytest.mark.parametrize(
    ("dead", "held_at"),
    [
        ((), []),
        ((1, 2), []),  # 2 of 30 are 6.7 %
        ((1, 2, 3), [30]),  # 10 % at the first moment that counts
        ((28, 29, 30), [30]),
        ((1, 2, 31), [31]),  # 3 of 31 are 9.7 %
        ((1, 2, 38), []),  # 3 of 38 are 7.9 %
        (tuple(range(1, 31)), [30]),  # once, not at each further one
    ],
)
def test_more_than_eight_of_a_hundred_after_thirty(dead: tuple[int, ...], held_at: list[int]) -> None:
    assert answers(*dead, of=60) == held_at


@given(st.sets(st.integers(1, 200)))
def test_it_is_pulled_at_the_first_moment_that_is_too_bad_and_never_twice(dead: set[int]) -> None:
    bad = [n for n in range(30, 201) if len([each for each in dead if each <= n]) * 100 > 8 * n]
    assert answers(*dead, of=200) == bad[:1]


async def test_the_edition_is_held_at_that_mail_and_goes_on_when_approved(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=40)
    gone = Step("550 5.1.1 no such user")
    # of the first 30, the last three are dead
    server.on("RCPT", *[Step("250 ok")] * 27, gone, gone, gone, *[Step("250 ok")] * 20)
    await office.deliver()
    assert outbox.states == ["sent"] * 27 + ["failed"] * 3 + ["queued"] * 10
    with office.store.read() as connection:
        (alert,) = open_alerts(connection)
        assert brakes.tally(connection, outbox.edition_id) == (30, 3)
    assert (alert.kind, alert.message.split(";")[0]) == (
        AlertKind.EDITION_HELD,
        "3 of the first 30 addresses do not exist (more than 8 %)",
    )
    await office.deliver()
    assert len(server.mails) == 27, "it stays held"
    office.clock.advance(timedelta(minutes=10))
    assert control.approve_edition(office.store, outbox.edition_id, by="test", now=office.clock.now())
    await office.deliver()
    assert outbox.states == ["sent"] * 27 + ["failed"] * 3 + ["sent"] * 10, "it counts anew from the approval"
    with office.store.read() as connection:
        assert open_alerts(connection) == ()


async def test_a_hold_by_hand_bites_before_the_next_body(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    outbox = office.outbox(recipients=4)

    def hold() -> None:
        control.hold_edition(office.store, outbox.edition_id, by="test", now=NOW)

    server.on("BODY", Step("250 ok"), Step("250 ok", during=hold))
    await office.deliver()
    assert outbox.states == ["sent", "sent", "queued", "queued"]
    assert not control.hold_edition(office.store, outbox.edition_id, by="test", now=NOW), "held already"
    assert control.approve_edition(office.store, outbox.edition_id, by="test", now=NOW)
    assert not control.approve_edition(office.store, outbox.edition_id, by="test", now=NOW)
    assert (await office.deliver()).sent == 2


async def test_a_held_edition_keeps_no_other_waiting(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    held = office.outbox(recipients=3)
    other = office.outbox(recipients=3, campaign="other", first=10)
    control.hold_edition(office.store, held.edition_id, by="test", now=NOW)
    async with asyncio.timeout(30):
        await office.deliver()
    assert (held.states, other.states) == (["queued"] * 3, ["sent"] * 3)


def planning(office: Office, edition_id: int) -> None:
    with office.store.write() as connection:
        connection.execute(sa.update(edition).where(edition.c.id == edition_id).values(state="planning", planned=None))


def ready(office: Office, edition_id: int) -> list[bool]:
    """Whether each mail waits, after the last commit of the plan."""
    until = NOW + timedelta(hours=1)
    with office.store.write() as connection:
        first = FirstMails(over=100, sends=30, until=until)
        plans.make_ready(connection, edition_id, skip_if_empty=False, now=NOW, first=first)
        rows = connection.execute(
            sa.select(delivery.c.next_attempt_at).where(delivery.c.edition_id == edition_id).order_by(delivery.c.id)
        )
        return [row[0] == until for row in rows]


@pytest.mark.parametrize(("recipients", "waiting"), [(100, 0), (101, 71)])
def test_the_first_edition_of_all_begins_with_thirty(office: Office, recipients: int, waiting: int) -> None:
    outbox = office.outbox(recipients=recipients)
    planning(office, outbox.edition_id)
    found = ready(office, outbox.edition_id)
    assert found == [False] * (recipients - waiting) + [True] * waiting


def test_the_second_edition_begins_with_all(office: Office) -> None:
    office.outbox(recipients=1)
    outbox = office.outbox(recipients=120, campaign="second", first=10)
    planning(office, outbox.edition_id)
    assert not any(ready(office, outbox.edition_id))


def test_what_the_sandbox_sent_does_not_count_as_first(office: Office) -> None:
    office.outbox(recipients=1, mode=Mode.SANDBOX)
    outbox = office.outbox(recipients=120, campaign="second", first=10)
    planning(office, outbox.edition_id)
    assert sum(ready(office, outbox.edition_id)) == 90
