"""Backups that are put back, folders that are copied, clinics that move: nothing is sent twice without a yes."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.delivery.guard import Watermark, look, rise
from nurture.delivery.outside import VARIABLE
from nurture.errors import CopyError
from nurture.planning.editions import plan_due
from nurture.service.delivering import open_worker
from nurture.service.house import House, open_house
from nurture.store import Store, create_store, lineage, meta, open_store
from nurture.vocabulary import Mode
from tests.delivery.clinic import edition_content, make_clinic
from tests.delivery.outbox import Outbox, fill_outbox
from tests.servers.scripted_smtp import ScriptedSmtp

# Tuesday, 10:00 in New York; the commands, which read the real clock, come years later
SENDING = datetime(2024, 12, 3, 15, 0, tzinfo=UTC)
EDITION = "partner-news@2026-12-01T09:30"
PEOPLE = 6
ZONE = ZoneInfo("America/New_York")
LONG_AGO = (1_700_000_000, 1_700_000_000)


class Machine:
    """A user's machine: folders of clinics, and the folder outside of them that remembers."""

    def __init__(self, folder: Path, server: ScriptedSmtp, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.server = server
        self.state = folder / "state"
        self._monkeypatch = monkeypatch
        self.clinic = folder / "clinic"
        self.remember_in(self.state)

    def remember_in(self, state: Path) -> None:
        """From now on in another folder, as on another machine."""
        self.state = state
        self._monkeypatch.setenv(VARIABLE, str(state))

    def make(self, mode: Mode = Mode.LIVE) -> Outbox:
        """A clinic with six mails that are due."""
        account = {"host": "127.0.0.1", "port": self.server.port, "tls": "none"}
        workspace = make_clinic(self.clinic, account)
        for path in self.clinic.rglob("*.yaml"):
            os.utime(path, LONG_AGO)
        store = create_store("sqlite:///data/nurture.db", root=self.clinic, clock=DrivenClock(SENDING))
        with store.write() as connection:
            meta.set_mode(connection, mode, SENDING - timedelta(days=1))
        outbox = fill_outbox(store, recipients=PEOPLE, content=edition_content(workspace), now=SENDING, mode=mode)
        store.close()
        return outbox

    def send(self, limit: int | None = None, *, root: Path | None = None, at: datetime = SENDING) -> int:
        """What a worker sends that starts now; how many."""

        async def work(house: House) -> int:
            async with open_worker(house) as worker:
                return (await worker.deliver_due(limit=limit)).sent

        with open_house(root or self.clinic, clock=DrivenClock(at)) as house:
            return asyncio.run(work(house))

    def nurture(self, *words: str, root: Path | None = None) -> subprocess.CompletedProcess[str]:
        """The real command, in a process of its own."""
        command = [sys.executable, "-m", "nurture", "--workspace", str(root or self.clinic), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def back_up(self) -> Path:
        return Path(shutil.copytree(self.clinic, self.folder / "backup"))

    def put_back(self) -> None:
        shutil.rmtree(self.clinic)
        shutil.copytree(self.folder / "backup", self.clinic)

    def states(self, root: Path | None = None) -> list[str]:
        with opened(root or self.clinic) as store, store.read() as connection:
            return list(connection.execute(sa.text("SELECT state FROM delivery ORDER BY id")).scalars())

    def editions(self) -> list[str]:
        with opened(self.clinic) as store, store.read() as connection:
            return list(connection.execute(sa.text("SELECT occurrence FROM edition ORDER BY id")).scalars())


def opened(root: Path) -> closing[Store]:
    return closing(open_store("sqlite:///data/nurture.db", root=root))


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    with ScriptedSmtp() as server:
        yield Machine(tmp_path, server, monkeypatch)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stdout + " " + done.stderr).split())


def test_a_restored_backup_sends_nothing_until_it_is_confirmed_and_then_nothing_twice(machine: Machine) -> None:
    machine.make()
    assert machine.send(2) == 2
    machine.back_up()
    assert machine.send(2, at=SENDING + timedelta(minutes=30)) == 2
    machine.put_back()
    assert machine.states() == ["sent"] * 2 + ["queued"] * 4

    status = machine.nurture("status")
    assert status.returncode == 1
    assert status.stdout.startswith("! the database ends at Tue Dec 03 10:00, but mails were sent until Tue Dec 03")
    assert "10:30: it is an older copy" in said(status)
    editions = machine.editions()
    for words in (["run", "--no-inbox"], ["send", "partner-news", "--yes"]):
        refused = machine.nurture(*words)
        assert refused.returncode == 2
        assert "nurture db confirm-restored" in said(refused)
    with pytest.raises(CopyError):
        machine.send()
    for words in (["log"], ["accounts"], ["why", "person5@clinic-partner.example", "partner-news"], ["plan"]):
        assert machine.nurture(*words).returncode == 0, words
    assert machine.states() == ["sent"] * 2 + ["queued"] * 4
    assert machine.editions() == editions, "nothing was planned either"
    assert len(machine.server.mails) == 4

    asked = machine.nurture("db", "confirm-restored")
    assert asked.returncode == 2, "nobody is here to answer"
    confirmed = machine.nurture("db", "confirm-restored", "--yes")
    assert confirmed.returncode == 0
    assert "from Tue Dec 03 10:00 to Tue Dec 03 10:31" in said(confirmed)
    assert "Held: 4 mails due in that time" in said(confirmed)
    assert machine.states() == ["sent"] * 2 + ["held"] * 4
    assert machine.send(at=SENDING + timedelta(hours=1)) == 0
    status = said(machine.nurture("status"))
    assert "older copy" not in status
    assert "4 deliveries wait (4 held: nurture log --state held)" in status
    assert machine.nurture("accounts").returncode == 0
    assert "nothing to confirm" in said(machine.nurture("db", "confirm-restored", "--yes"))

    released = machine.nurture("retry", EDITION, "--held", "--yes")
    assert "Queued 4 deliveries" in said(released)
    assert machine.states() == ["sent"] * 2 + ["queued"] * 4


def test_held_mails_expire_by_themselves(machine: Machine) -> None:
    machine.make()
    machine.send(1)
    machine.back_up()
    machine.send(1)
    machine.put_back()
    assert machine.nurture("db", "confirm-restored", "--yes").returncode == 0
    machine.send(at=SENDING + timedelta(days=4))
    assert machine.states() == ["sent"] + ["expired"] * 5
    assert len(machine.server.mails) == 2
    assert machine.nurture("accounts").returncode == 0


def test_with_nothing_lost_the_queue_goes_on(machine: Machine) -> None:
    machine.make()
    machine.send(1)
    machine.back_up()
    machine.send(1)
    machine.put_back()
    done = json.loads(machine.nurture("db", "confirm-restored", "--nothing-lost", "--yes", "--json").stdout)
    assert done["restored"]["held"] == 0
    assert machine.send() == 5


@pytest.mark.parametrize(("how", "again"), [([], 0), (["--nothing-lost"], 1)])
def test_an_edition_that_was_due_in_the_lost_time_is_not_made_again(
    machine: Machine, how: list[str], again: int
) -> None:
    machine.make()
    machine.send(1)
    with open_house(machine.clinic, clock=DrivenClock(SENDING)) as house:
        plan_due(house.store, house.workspace, now=SENDING, snapshot=house.snapshot)
    due = datetime(2025, 1, 7, 14, 30, tzinfo=UTC)  # first Tuesday, 09:30 in New York
    machine.back_up()
    with opened(machine.clinic) as store:  # the original sends that edition
        rise(store, ZONE, due + timedelta(hours=1))
    machine.put_back()

    def editions(*, plan: bool) -> list[str]:
        now = due + timedelta(hours=2)
        if plan:
            with open_house(machine.clinic, clock=DrivenClock(now)) as house:
                plan_due(house.store, house.workspace, now=now, snapshot=house.snapshot)
        return machine.editions()

    assert machine.nurture("db", "confirm-restored", *how, "--yes").returncode == 0
    before = editions(plan=False)
    assert editions(plan=True) == before + ["2025-01-07T09:30"] * again


def test_a_copied_folder_is_refused_while_the_original_is_there_and_only_one_goes_on(machine: Machine) -> None:
    machine.make()
    machine.send(1)
    copy = machine.back_up()
    refused = machine.nurture("run", "--no-inbox", root=copy)
    assert refused.returncode == 2
    assert f"is a copy of {machine.clinic}/data/nurture.db, which is still there" in said(refused)
    assert machine.send(1) == 1, "the original goes on"
    assert machine.nurture("db", "confirm-restored", "--yes", root=copy).returncode == 0
    assert machine.nurture("run", "--no-inbox").returncode == 2, "now the original is the older one"
    assert "older copy" in said(machine.nurture("status"))
    assert len(machine.server.mails) == 2


async def test_a_backup_of_a_worker_at_work_is_older_than_what_the_worker_ended_with(machine: Machine) -> None:
    machine.make()
    with open_house(machine.clinic, clock=DrivenClock(SENDING)) as house:
        async with open_worker(house) as worker:
            await worker.deliver_due(limit=1)
            machine.back_up()
            await worker.deliver_due(limit=1)
    machine.put_back()
    with opened(machine.clinic) as store:
        found = look(store)
    assert found is not None
    assert found.doubt == "behind"


def test_a_folder_that_was_moved_on_the_same_machine_goes_on(machine: Machine) -> None:
    machine.make()
    machine.send(1)
    moved = machine.folder / "new-place"
    machine.clinic.rename(moved)
    assert machine.send(1, root=moved) == 1


async def test_a_running_worker_notices_that_another_copy_was_confirmed(machine: Machine) -> None:
    machine.make()
    with open_house(machine.clinic, clock=DrivenClock(SENDING)) as house:
        zone = house.workspace.settings.zone
        running = Watermark(house.store, house.clock)
        await running.before_sending(zone)
        copy = machine.back_up()
        assert machine.nurture("db", "confirm-restored", "--yes", root=copy).returncode == 0
        with pytest.raises(CopyError, match="older copy"):
            await running.end(zone)


def pretend_other_machine(machine: Machine) -> None:
    """The database was used on another one; this one remembers nothing."""
    with opened(machine.clinic) as store, store.write() as connection:
        lineage.raise_high_water(connection, above=7, host="old-pc", now=SENDING)
    machine.remember_in(machine.folder / "another-state")


def test_on_another_machine_one_command_confirms_the_move(machine: Machine) -> None:
    machine.make()
    machine.send(1)
    pretend_other_machine(machine)
    refused = machine.nurture("run", "--no-inbox")
    assert refused.returncode == 2
    assert "was last used on old-pc (Tue Dec 03 10:00), not on this machine" in said(refused)
    assert machine.nurture("db", "confirm-restored", "--nothing-lost", "--yes").returncode == 0
    assert machine.send() == 5


def test_a_cleaned_home_folder_is_no_reason_to_stop(machine: Machine) -> None:
    machine.make()
    machine.send(1)
    shutil.rmtree(machine.state)
    assert machine.send(1) == 1
    assert list(machine.state.glob("*.json"))


def test_where_nothing_can_be_remembered_mail_leaves_and_status_says_so(machine: Machine) -> None:
    machine.make()
    (machine.folder / "a-file").write_text("")
    machine.remember_in(machine.folder / "a-file" / "state")
    assert machine.send(2) == 2
    assert "a restored copy of the database would not be noticed here" in said(machine.nurture("status"))
    machine.remember_in(machine.folder / "state")
    assert machine.send() == 4
    assert "would not be noticed" not in said(machine.nurture("status"))


def test_a_damaged_memory_is_written_anew(machine: Machine) -> None:
    machine.make()
    machine.send(1)
    (remembered,) = machine.state.glob("*.json")
    remembered.write_text('{"number": ')
    assert machine.send(1) == 1
    assert json.loads(remembered.read_text())["number"] >= 2
    assert remembered.stat().st_mode & 0o777 == 0o600


def test_the_sandbox_remembers_nothing_and_refuses_nothing(machine: Machine) -> None:
    machine.make(Mode.SANDBOX)
    assert machine.send(2) == 2
    machine.back_up()
    machine.send(2)
    machine.put_back()
    assert machine.send() == 4
    assert not machine.state.exists()


@pytest.mark.postgres
def test_a_restored_postgresql_database_is_noticed_by_every_machine_that_sent(
    new_postgresql_url: str, machine: Machine
) -> None:
    store = open_store(new_postgresql_url, root=machine.folder)
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, SENDING)
    assert rise(store, ZONE, SENDING) is None
    other = machine.folder / "other-machine"
    first = machine.state
    machine.remember_in(other)
    assert rise(store, ZONE, SENDING) is None  # the other host is no reason to ask
    with store.read() as connection:
        dumped = connection.execute(sa.text("SELECT key, value FROM meta")).all()
    assert rise(store, ZONE, SENDING) is None
    machine.remember_in(first)
    assert rise(store, ZONE, SENDING) is None
    with store.write() as connection:  # the dump is restored
        for key, value in dumped:
            meta.put(connection, key, value)
    for state in (first, other):
        machine.remember_in(state)
        found = look(store)
        assert found is not None
        assert found.doubt == "behind"
    machine.remember_in(machine.folder / "a-machine-that-never-sent")
    assert look(store) is None, "it cannot know"
    store.close()
