"""A campaign's files are edited, deleted or broken while its edition runs: the run keeps its snapshot."""

import os
from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from nurture.clock import DrivenClock
from nurture.delivery.worker import Worker
from nurture.reports.accounts import accounts
from nurture.service.house import House, open_house
from nurture.service.running import jobs
from nurture.store.alerts import open_alerts
from nurture.vocabulary import Mode
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.service.conftest import DUE, PEOPLE

FIRST = 40
SAVED_AT = DUE.timestamp()  # in the middle of the run


def edit(root: Path) -> None:
    write(root / "campaigns/moved.yaml", lambda text: text.replace("Something new", "Something else"))
    write(root / "templates/emails/announcement.mjml", lambda text: text.replace("<mj-body", "<!-- new --><mj-body"))


def delete(root: Path) -> None:
    (root / "campaigns/moved.yaml").unlink()


def break_it(root: Path) -> None:
    write(root / "campaigns/moved.yaml", lambda text: text.replace("kind: broadcast", "kind: broadside"))


def write(path: Path, change: Callable[[str], str]) -> None:
    before = path.read_text()
    after = change(before)
    assert after != before
    path.write_text(after)
    os.utime(path, (SAVED_AT, SAVED_AT))


@pytest.mark.parametrize(("change", "alerts"), [(edit, []), (delete, []), (break_it, ["broken_files"])])
async def test_a_run_keeps_its_snapshot(workspace: Path, change: Callable[[Path], None], alerts: list[str]) -> None:
    with open_house(workspace, clock=DrivenClock(DUE)) as house, ScriptedSmtp() as server:
        jobs.plan(house)
        sandbox = ("127.0.0.1", server.port)
        worker = Worker(house.store, lambda: house.workspace, house.clock, sandbox=sandbox)
        assert (await worker.deliver_due(limit=FIRST)).sent == FIRST
        change(workspace)
        jobs.plan(house)
        assert kinds_of_alerts(house) == alerts
        assert (await worker.deliver_due()).sent == PEOPLE - FIRST
        await worker.close()
        mails = [message_from_bytes(mail.raw, policy=policy.default) for mail in server.mails]
        assert len({mail["To"].addresses[0].addr_spec for mail in mails}) == len(mails) == PEOPLE
        assert {mail["Subject"].split(",")[0] for mail in mails} == {"Something new"}
        counted = accounts(house.store, mode=Mode.SANDBOX, maildir_ids=lambda: [mail["Message-ID"] for mail in mails])
        assert counted.balanced, counted
        assert [edition.sent for edition in counted.editions] == [PEOPLE], "the edited file makes no second edition"


def kinds_of_alerts(house: House) -> list[str]:
    with house.store.read() as connection:
        return [alert.kind for alert in open_alerts(connection)]
