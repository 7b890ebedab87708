"""A live clinic that mails a broadcast, and what its mail server got."""

import email
import email.policy
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from nurture.clock import DrivenClock
from nurture.delivery.event_loop import run_async
from nurture.reports.accounts import accounts
from nurture.service.delivering import open_worker
from nurture.service.edition_notices import approving
from nurture.service.edition_notices.sending import send_notices
from nurture.service.house import House, open_house
from nurture.service.running import jobs
from nurture.store import editions, meta
from nurture.store.alerts import open_alerts
from nurture.store.editions import EditionId, EditionRow
from nurture.vocabulary import AlertKind, Mode
from tests.servers.scripted_smtp import Mail, ScriptedSmtp
from tests.service.conftest import DUE

MAYA, ROSA = "maya@clinic.example", "rosa@clinic.example"
NAME = EditionId("moved", "1")
DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
LONG_AGO = (1_700_000_000, 1_700_000_000)


class Clinic:
    """A live clinic whose broadcast goes to 120 people on Tuesday at 10:00, and the mail server of its account."""

    def __init__(self, root: Path, server: ScriptedSmtp, clock: DrivenClock, open_one: Callable[[], House]) -> None:
        self.root = root
        self.server = server
        self.clock = clock
        self.open_one = open_one
        self.house = open_one()

    def at(self, before: timedelta) -> None:
        """So long before the edition's time."""
        self.clock.move_to(DUE - before)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        os.utime(path, (LONG_AGO[0], LONG_AGO[1] + len(new)))

    def settings(self, line: str) -> None:
        self.change("nurture.yaml", "senders:", f"{line}\nsenders:")

    def run(self) -> tuple[EditionId, ...]:
        """The jobs of the loop, as it runs them."""
        jobs.plan(self.house)
        shown = send_notices(self.house)
        run_async(self._deliver())
        return shown

    async def _deliver(self) -> None:
        async with open_worker(self.house) as worker:
            await worker.deliver_due()

    def notices(self) -> list[Mail]:
        return [mail for mail in self.server.mails if mail.envelope_to in (MAYA, ROSA)]

    def readers(self) -> int:
        return len(self.server.mails) - len(self.notices())

    def edition(self) -> EditionRow:
        with self.house.store.read() as connection:
            found = editions.find(connection, NAME, mode=Mode.LIVE)
        assert found is not None
        return found

    def alerts(self) -> list[tuple[AlertKind, str]]:
        with self.house.store.read() as connection:
            return [(alert.kind, alert.message) for alert in open_alerts(connection)]

    def approve(self, **more: bool) -> approving.Word:
        return approving.approve(self.house, NAME, by="maya", **more)

    def balanced(self) -> bool:
        return accounts(self.house.store, mode=Mode.LIVE).balanced


@pytest.fixture
def server() -> Iterator[ScriptedSmtp]:
    with ScriptedSmtp() as server:
        yield server


@pytest.fixture
def clinic(workspace: Path, server: ScriptedSmtp) -> Iterator[Clinic]:
    clock = DrivenClock(DUE - 7 * DAY)
    settings = workspace / "nurture.yaml"
    account = f"    smtp: {{host: 127.0.0.1, port: {server.port}, tls: none}}\n    # smtp:"
    text = settings.read_text().replace("    # smtp:", account, 1)
    assert account in text
    settings.write_text(f"test_recipients: [{MAYA}]\nbrakes: {{first_edition: {{over: 1000}}}}\n{text}")
    os.utime(settings, LONG_AGO)
    with ExitStack() as houses:
        clinic = Clinic(workspace, server, clock, lambda: houses.enter_context(open_house(workspace, clock=clock)))
        with clinic.house.store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, clock.now())
        jobs.plan(clinic.house)
        yield clinic


def read(mail: Mail) -> email.message.EmailMessage:
    return email.message_from_bytes(mail.raw, policy=email.policy.default)


def words(mail: Mail) -> str:
    body = read(mail).get_body(("plain",))
    assert body is not None
    return body.get_content().replace("\r\n", "\n")
