"""A journal into the database: every kind of answer, once, whatever others wrote about the mail meanwhile."""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.delivery.journal import Journal
from nurture.delivery.kept import KeptAnswer
from nurture.delivery.ownership import folder_of
from nurture.delivery.turn import Turn
from nurture.errors import StoreError
from nurture.store import Store, deliveries
from nurture.store.attempts import Attempt
from nurture.store.groups import Beginning, Marking
from nurture.store.schema import event, suppression
from nurture.vocabulary import AttemptOutcome, AttemptPhase, Mode, Verdict
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW, Outbox
from tests.servers.scripted_smtp import ScriptedSmtp

DEAD = "clinic-pc-41-0a1b2c3d"
AGAIN = NOW + timedelta(minutes=40)


@pytest.fixture
def office(store: Store, tmp_path: Path, content: dict, server: ScriptedSmtp) -> Office:
    """An office on SQLite, then on PostgreSQL; all that its workers would send is refused."""
    office = Office(store, tmp_path / "clinic", content)
    office.use(server)
    return office


class Dead:
    """A worker that died with one marked mail in its hands and a journal."""

    def __init__(self, office: Office, outbox: Outbox) -> None:
        with office.store.write() as connection:
            (claimed,) = deliveries.claim(connection, mode=Mode.LIVE, sender="clinic", owner=DEAD, now=NOW, limit=1)
            turn = Turn(
                owner=DEAD, mode=Mode.LIVE, now=NOW, today=NOW.date(), begin=Beginning(claimed, "mx:25", "<1@x>", NOW)
            )
            begun = turn.write(connection).begun
            assert isinstance(begun, Attempt)
            turn = Turn(owner=DEAD, mode=Mode.LIVE, now=NOW, today=NOW.date(), mark=Marking(claimed, begun, {}))
            assert turn.write(connection).refusal is None
        self.office, self.outbox, self.id = office, outbox, claimed.id
        self.path = folder_of(office.store, office.root) / f"{DEAD}.journal"
        self.answer = KeptAnswer(
            delivery_id=claimed.id,
            claim=claimed.claim,
            attempt_id=begun.id,
            outcome=AttemptOutcome.SENT,
            phase=AttemptPhase.BODY,
            verdict=Verdict.SENT,
            code=250,
            enhanced="2.0.0",
            words="taken as 4XyZ",
            at=NOW,
        )

    def leave(self, **changes: object) -> None:
        """Its journal, and no lock on it any more."""
        journal = Journal.create(self.path)
        journal.keep(replace(self.answer, **changes))
        journal.close()
        assert self.path.exists()

    def recover(self) -> None:
        """Somebody who does not see the journal (another machine) takes its rows back."""
        with self.office.store.write() as connection:
            deliveries.recover(connection, [DEAD], NOW)
        assert self.outbox.states == ["uncertain"]

    def attempt(self) -> tuple:
        (tried,) = self.outbox.attempts(self.id)
        return tried.outcome, tried.code, tried.enhanced, tried.answer


@pytest.fixture
def outbox(office: Office) -> Outbox:
    return office.outbox()


@pytest.fixture
def dead(office: Office, outbox: Outbox) -> Dead:
    return Dead(office, outbox)


ANSWERS = {
    "a yes": ({}, "sent"),
    "a refusal of the message": (
        {"outcome": AttemptOutcome.FAILED, "verdict": Verdict.FAIL_MESSAGE, "code": 554, "enhanced": "5.6.0"},
        "failed",
    ),
    "a refusal of the address": (
        {"outcome": AttemptOutcome.FAILED, "verdict": Verdict.FAIL_ADDRESS, "code": 550, "enhanced": "5.1.1"},
        "failed",
    ),
    "a refusal for now": (
        {
            "outcome": AttemptOutcome.RETRY,
            "verdict": Verdict.RETRY,
            "code": 451,
            "enhanced": "4.3.0",
            "again_at": AGAIN,
        },
        "queued",
    ),
    "a refusal of the sender": (
        {
            "outcome": AttemptOutcome.STOPPED,
            "verdict": Verdict.STOP_SENDER,
            "code": 554,
            "enhanced": "5.7.1",
            "again_at": AGAIN,
        },
        "queued",
    ),
}


@pytest.mark.parametrize("recovered", [False, True], ids=["in time", "after somebody called it uncertain"])
@pytest.mark.parametrize("kind", ANSWERS)
async def test_every_kind_of_answer_is_settled_as_if_its_worker_lived(
    office: Office, outbox: Outbox, dead: Dead, server: ScriptedSmtp, kind: str, recovered: bool
) -> None:
    changes, state = ANSWERS[kind]
    dead.leave(**changes)
    if recovered:
        dead.recover()
    await office.deliver()
    assert outbox.states == [state]
    outcome = changes.get("outcome", "sent")
    assert dead.attempt() == (outcome, changes.get("code", 250), changes.get("enhanced", "2.0.0"), "taken as 4XyZ")
    assert ("uncertain" in outbox.events(dead.id)) == recovered
    assert outbox.column("attempts") == [0 if outcome == "stopped" else 1]
    if state == "queued":
        assert outbox.column("next_attempt_at") == [AGAIN]
    with office.store.read() as connection:
        suppressed = connection.execute(sa.select(sa.func.count()).select_from(suppression)).scalar_one()
    assert suppressed == (changes.get("verdict") is Verdict.FAIL_ADDRESS)
    assert server.mails == []
    assert not dead.path.exists()


@pytest.mark.parametrize("kind", ANSWERS)
async def test_replayed_twice_equals_once(office: Office, outbox: Outbox, dead: Dead, kind: str) -> None:
    changes, state = ANSWERS[kind]
    dead.leave(**changes)
    await office.deliver()
    before = outbox.events(dead.id), dead.attempt(), outbox.column("attempts"), outbox.column("next_attempt_at")
    dead.leave(**changes)
    await office.deliver()
    assert outbox.states == [state]
    after = outbox.events(dead.id), dead.attempt(), outbox.column("attempts"), outbox.column("next_attempt_at")
    assert after == before


async def test_a_database_that_fails_at_one_journal_keeps_no_other_from_being_replayed(
    office: Office, outbox: Outbox, dead: Dead
) -> None:
    """The journals behind the failing one once stayed locked by the living worker, as if their owners lived."""
    other = dead.path.with_name("clinic-pc-40-00000000.journal")
    journal = Journal.create(other)
    journal.keep(replace(dead.answer, attempt_id=4711))
    journal.close()
    dead.leave()
    failing = [True]

    @sa.event.listens_for(office.store._writer, "before_cursor_execute")
    def fail_once(_connection, _cursor, statement: str, *_: object) -> None:
        if "FROM attempt" in statement and failing:
            failing.clear()
            raise StoreError("the database is away")

    worker = office.worker()
    with pytest.raises(StoreError):
        await worker.deliver_due()
    await worker.deliver_due()
    await worker.close()
    assert outbox.states == ["sent"]
    assert not dead.path.exists()
    assert not other.exists()


async def test_a_journal_beside_another_copy_of_the_database_changes_nothing(
    office: Office, outbox: Outbox, dead: Dead
) -> None:
    # in the other copy the same numbers belong to a try of somebody else
    dead.path = dead.path.with_name("clinic-pc-41-99999999.journal")
    dead.leave()
    await office.deliver()
    assert dead.attempt()[0] == "uncertain"
    assert outbox.events(dead.id) == ["uncertain"]


async def test_what_is_torn_or_of_another_version_stops_nobody(
    office: Office, outbox: Outbox, dead: Dead, server: ScriptedSmtp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    dead.leave()
    torn = dead.path.with_name("clinic-pc-42-0a.journal")
    torn.write_bytes(b"nurture\x01half an answer")
    foreign = dead.path.with_name("clinic-pc-43-0a.journal")
    foreign.write_bytes(dead.answer.to_slot().replace(b"nurture\x01", b"nurture\x02"))
    worker = office.worker()
    await worker.deliver_due()
    await worker.deliver_due()
    await worker.close()
    assert outbox.states == ["sent"]
    assert not torn.exists()
    assert foreign.exists(), "the version that wrote it may still read it"
    told = [record.message for record in caplog.records if "answers" in record.message]
    assert [("torn or" in words, "another version" in words) for words in told] == [(True, False), (False, True)]


async def test_an_erased_contacts_answer_is_settled_too(office: Office, outbox: Outbox, dead: Dead) -> None:
    dead.leave(outcome=AttemptOutcome.FAILED, verdict=Verdict.FAIL_ADDRESS, code=550)
    outbox.set(dead.id, address=None, contact_id=None)
    await office.deliver()
    assert outbox.states == ["failed"]
    with office.store.read() as connection:
        assert sorted(connection.execute(sa.select(event.c.kind)).scalars()) == ["failed", "suppressed"]
