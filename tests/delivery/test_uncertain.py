"""Mails that may or may not have arrived: what the sender's rule does, and what people decide."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.delivery import control, uncertain
from nurture.delivery.ownership import LAST_ANSWER
from nurture.delivery.uncertain import RULE_PAUSE, Resent
from nurture.reports.accounts import accounts
from nurture.store import Store, alerts, attempts, deliveries, meta, suppressions, workers
from nurture.store.schema import edition, worker
from nurture.store.uncertain import Choice
from nurture.vocabulary import Mode, SuppressionReason, SuppressionScope
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW, MakeOutbox, Outbox
from tests.delivery.test_delivery_store import OK, SILENCE, begin, claim, mark, marked, settle
from tests.servers.scripted_smtp import ScriptedSmtp, Step

ALL = Choice(Mode.LIVE)
LOST = Step(keep=True, cut=True)  # the body is taken, the answer is not said


def asked(store: Store) -> int:
    """How many alerts ask for a decision."""
    with store.read() as connection:
        return [alert.kind for alert in alerts.open_alerts(connection)].count("uncertain_deliveries")


def balanced(store: Store) -> bool:
    return accounts(store, mode=Mode.LIVE).balanced


def in_doubt(outbox: Outbox) -> tuple:
    """A worker said itself that no answer came; the edition is over for it."""
    claimed, attempt = marked(outbox.store)
    assert settle(outbox.store, claimed, attempt, SILENCE)
    with outbox.store.write() as connection:
        uncertain.tell(connection, Mode.LIVE, NOW)
    return claimed, attempt


def resend(store: Store, **more: object) -> Resent:
    return uncertain.resend(store, ALL, by="ann", **{"late": False, "now": NOW, **more})


@pytest.fixture
def office(store: Store, tmp_path: Path, content: dict) -> Office:
    """An office on SQLite, then on PostgreSQL."""
    return Office(store, tmp_path / "clinic", content)


class TestByHand:
    def test_left_as_it_is_nobody_asks_any_more(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        in_doubt(outbox)
        assert asked(outbox.store) == 1
        assert uncertain.leave(outbox.store, ALL, by="ann", now=NOW) == 1
        assert uncertain.leave(outbox.store, ALL, by="ann", now=NOW) == 0
        assert (outbox.states, asked(outbox.store)) == (["uncertain"], 0)
        assert outbox.events(outbox.delivery_ids[0]) == ["uncertain", "left_uncertain"]

    def test_sent_again_under_the_same_name(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        first, _ = in_doubt(outbox)
        message_id = outbox.column("message_id")
        assert resend(outbox.store) == Resent(1, {})
        assert (outbox.states, asked(outbox.store)) == (["queued"], 0)
        assert balanced(outbox.store)
        claimed, attempt = marked(outbox.store, "worker-b")
        assert (claimed.claim, [claimed.message_id], claimed.message_date) == (first.claim + 1, message_id, NOW)
        assert settle(outbox.store, claimed, attempt, OK)
        assert outbox.states == ["sent"]
        assert balanced(outbox.store)
        assert outbox.events(claimed.id) == ["uncertain", "requeued", "sent"]

    def test_the_gates_hold_for_the_second_copy(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        in_doubt(outbox)
        resend(outbox.store)
        with outbox.store.write() as connection:
            suppressions.suppress(
                connection,
                SuppressionScope.ADDRESS,
                outbox.column("recipient_key")[0],
                shown=None,
                reason=SuppressionReason.UNSUBSCRIBED,
                source="test",
                now=NOW,
            )
        (claimed,) = claim(outbox.store)
        begin(outbox.store, claimed)
        assert outbox.states == ["skipped"]

    def test_over_is_over_unless_somebody_says_so(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        in_doubt(outbox)
        afterwards = NOW + timedelta(days=4)
        done = resend(outbox.store, now=afterwards)
        assert done == Resent(0, {"the time of the edition is over; --late sends it all the same": 1})
        assert outbox.states == ["uncertain"]
        assert resend(outbox.store, now=afterwards, late=True).queued == 1
        assert outbox.column("not_after") == [afterwards + timedelta(days=3)]

    def test_a_first_try_that_its_worker_could_not_count_has_the_editions_time(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        marked(outbox.store)
        tomorrow = NOW + timedelta(days=1)  # after the reader's window, before the edition's end
        with outbox.store.write() as connection:
            deliveries.recover(connection, ["worker-a"], NOW)
        resend(outbox.store, now=tomorrow)
        with outbox.store.write() as connection:
            assert deliveries.expire(connection, mode=Mode.LIVE, now=tomorrow) == 0

    def test_nothing_of_a_canceled_edition_goes_again(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        in_doubt(outbox)
        control.cancel_edition(outbox.store, outbox.edition_id, now=NOW)
        assert resend(outbox.store) == Resent(0, {"the edition is canceled": 1})

    def test_an_edition_that_is_finished_is_ready_again(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        in_doubt(outbox)
        with outbox.store.write() as connection:
            connection.execute(sa.update(edition).values(state="finished"))
        assert resend(outbox.store).queued == 1
        assert len(claim(outbox.store)) == 1

    @pytest.mark.parametrize(("arrived", "state"), [(True, "sent"), (False, "failed")])
    def test_somebody_found_out(self, make_outbox: MakeOutbox, arrived: bool, state: str) -> None:
        outbox = make_outbox()
        in_doubt(outbox)
        assert uncertain.settle(outbox.store, ALL, arrived=arrived, by="ann", now=NOW) == 1
        assert (outbox.states, asked(outbox.store)) == ([state], 0)
        assert balanced(outbox.store)
        (account,) = accounts(outbox.store, mode=Mode.LIVE).editions
        assert (account.sent, account.failed) == (int(arrived), int(not arrived))
        assert outbox.events(outbox.delivery_ids[0]) == ["uncertain", state]

    def test_settled_as_failed_it_can_be_retried(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        in_doubt(outbox)
        uncertain.settle(outbox.store, ALL, arrived=False, by="ann", now=NOW)
        assert control.retry_failed(outbox.store, outbox.edition_id, now=NOW) == 1
        assert settle(outbox.store, *marked(outbox.store, "worker-b"), OK)
        assert balanced(outbox.store)

    def test_a_mail_in_the_hands_of_a_living_worker_stays(self, office: Office) -> None:
        living = office.worker()
        outbox = office.outbox()
        marked(office.store, living.owner)
        with office.store.write() as connection:
            deliveries.recover(connection, [living.owner], NOW)  # as if others took it for dead
        done = resend(office.store)
        assert (done.queued, sum(done.kept.values())) == (0, 1)
        assert outbox.states == ["uncertain"]


class TestLateYes:
    """A worker that was cut off comes back with a 250, after its mail was queued again."""

    def cut_off(self, outbox: Outbox) -> tuple:
        claimed, attempt = marked(outbox.store)
        with outbox.store.write() as connection:
            deliveries.recover(connection, ["worker-a"], NOW)
        assert resend(outbox.store).queued == 1
        return claimed, attempt

    def test_before_it_is_claimed(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        late = self.cut_off(outbox)
        assert settle(outbox.store, *late, OK)
        assert outbox.states == ["sent"]
        assert claim(outbox.store, "worker-b") == ()
        assert balanced(outbox.store)

    def test_before_the_second_mark(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        late = self.cut_off(outbox)
        (claimed,) = claim(outbox.store, "worker-b")
        attempt = begin(outbox.store, claimed, "worker-b")
        assert settle(outbox.store, *late, OK)
        assert outbox.states == ["sent"]
        assert mark(outbox.store, claimed, attempt, "worker-b") is not None, "no second copy leaves"
        assert balanced(outbox.store)

    @pytest.mark.parametrize("end", [OK, SILENCE, None], ids=["yes", "silence", "death"])
    def test_after_the_second_mark_whatever_becomes_of_that(
        self, make_outbox: MakeOutbox, end: attempts.AttemptEnd | None
    ) -> None:
        outbox = make_outbox()
        late = self.cut_off(outbox)
        claimed, attempt = marked(outbox.store, "worker-b")
        assert not settle(outbox.store, *late, OK), "the other one is on its way"
        assert balanced(outbox.store)
        if end is not None:
            assert settle(outbox.store, claimed, attempt, end)
        else:
            with outbox.store.write() as connection:
                deliveries.recover(connection, ["worker-b"], NOW)
        assert outbox.states == ["sent"]
        assert balanced(outbox.store)

    def test_after_somebody_settled_it(self, make_outbox: MakeOutbox) -> None:
        outbox = make_outbox()
        claimed, attempt = marked(outbox.store)
        with outbox.store.write() as connection:
            deliveries.recover(connection, ["worker-a"], NOW)
        uncertain.settle(outbox.store, ALL, arrived=False, by="ann", now=NOW)
        assert settle(outbox.store, claimed, attempt, OK)
        assert outbox.states == ["sent"]
        assert balanced(outbox.store)


class TestRule:
    def office_that_resends(self, office: Office, server: ScriptedSmtp) -> None:
        office.use(server)
        office.on_uncertain = "resend"

    async def test_a_mail_without_an_answer_goes_again_once(self, office: Office, server: ScriptedSmtp) -> None:
        self.office_that_resends(office, server)
        server.on("BODY", LOST, LOST)
        outbox = office.outbox()
        await office.deliver()
        assert (outbox.states, asked(office.store)) == (["queued"], 0)
        assert (await office.deliver()).sent == 0, "not at once"
        office.clock.advance(RULE_PAUSE)
        await office.deliver()
        assert (outbox.states, asked(office.store)) == (["uncertain"], 1), "after that a person decides"
        office.clock.advance(RULE_PAUSE)
        await office.deliver()
        assert len(server.mails) == 2
        ids = {mail.raw.partition(b"Message-ID:")[2].partition(b"\r\n")[0] for mail in server.mails}
        assert len(ids) == 1
        assert balanced(office.store)

    async def test_hold_waits_for_a_person(self, office: Office, server: ScriptedSmtp) -> None:
        office.use(server)
        server.on("BODY", LOST)
        outbox = office.outbox()
        await office.deliver()
        office.clock.advance(RULE_PAUSE)
        await office.deliver()
        assert (outbox.states, asked(office.store), len(server.mails)) == (["uncertain"], 1, 1)

    async def test_never_before_its_worker_is_surely_gone(self, office: Office, server: ScriptedSmtp) -> None:
        self.office_that_resends(office, server)
        zombie = office.worker()
        outbox = office.outbox()
        marked(office.store, zombie.owner)
        with office.store.write() as connection:
            deliveries.recover(connection, [zombie.owner], NOW)
            workers.end(connection, zombie.owner, NOW)
        await office.deliver()
        assert outbox.states == ["uncertain"], "it lives, though others wrote it off"
        if office.store.dialect == "postgresql":
            self.silent_since(office.store, workers.LEASE + LAST_ANSWER - timedelta(seconds=30))
            await office.deliver()
            assert outbox.states == ["uncertain"], "its lease ended, but the mail server has 10 minutes to answer it"
            self.silent_since(office.store, workers.LEASE + LAST_ANSWER + timedelta(seconds=1))
        else:
            await zombie.close()
        await office.deliver()
        assert outbox.states == ["queued"]
        await zombie.close()

    def silent_since(self, store: Store, duration: timedelta) -> None:
        ago = sa.func.clock_timestamp() - sa.bindparam("duration", duration, sa.Interval())
        with store.write() as connection:
            connection.execute(sa.update(worker).values(seen_at=ago))

    async def test_what_somebody_left_stays(self, office: Office, server: ScriptedSmtp) -> None:
        office.use(server)
        server.on("BODY", LOST)
        outbox = office.outbox()
        await office.deliver()
        uncertain.leave(office.store, ALL, by="ann", now=NOW)
        office.on_uncertain = "resend"
        await office.deliver()
        assert outbox.states == ["uncertain"]


def test_the_sandbox_is_not_asked_about_live_mail(make_outbox: MakeOutbox) -> None:
    outbox = make_outbox()
    in_doubt(outbox)
    with outbox.store.write() as connection:
        meta.set_mode(connection, Mode.SANDBOX, NOW)
    assert Counter(outbox.states) == {"uncertain": 1}
    assert uncertain.leave(outbox.store, Choice(Mode.SANDBOX), by="ann", now=NOW) == 0
