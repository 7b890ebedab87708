"""``nurture demo``: a month of the sample clinic in a temporary folder, with a driven clock."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from nurture.audience.imports import ImportResult, apply_import, diff_import, import_order
from nurture.clock import DrivenClock
from nurture.delivery.worker import DeliverySummary
from nurture.errors import WorkspaceError
from nurture.planning.editions import PlanReport
from nurture.planning.outlook import look
from nurture.service import demo_mail
from nurture.service.delivering import open_worker
from nurture.service.house import House, open_house
from nurture.service.running import jobs
from nurture.store import deliveries
from nurture.vocabulary import MailKind

# The sample clinic's news and campaigns are dated around this Monday, 08:00 in Salem, Oregon.
START = datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
DAYS = 30
SAMPLE = ("nurture.yaml", "campaigns", "segments", "imports", "news", "templates", "data/sample")


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant at which something was due: what was planned, what left, and what came back."""

    at: datetime
    planned: PlanReport
    delivered: DeliverySummary
    came_back: Mapping[MailKind, int]


def sample_clinic() -> Path:
    """Where the sample clinic is: the repository, or inside an installed package.

    Raises `WorkspaceError` if neither is there.
    """
    package = Path(__file__).parents[1]
    for folder in (package / "sample_clinic", package.parent):
        if all((folder / name).exists() for name in SAMPLE):
            return folder
    raise WorkspaceError("the sample clinic is not installed with nurture; install it again, or clone the repository")


@contextmanager
def demo_house() -> Iterator[House]:
    """A copy of the sample clinic in a temporary folder, its clock at `START`; all of it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="nurture-demo-") as folder:
        root = Path(folder)
        for name in SAMPLE:
            source, target = sample_clinic() / name, root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy2(source, target)
        settings = root / "nurture.yaml"
        settings.write_text(settings.read_text(encoding="utf-8") + demo_mail.SETTINGS, encoding="utf-8")
        _date_files(root, START - timedelta(days=1))
        with open_house(root, clock=DrivenClock(START), create=True) as house:
            yield house


def _date_files(root: Path, at: datetime) -> None:
    """Date all files before the demo begins: a file that changes near an edition's time delays it."""
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (at.timestamp(), at.timestamp()))


def import_sample(house: House) -> Iterator[tuple[str, ImportResult]]:
    """Import the sample clinic's contacts through its saved imports; gives each one's name and result."""
    for name in ("partners", "patients", "patients-unsigned"):
        file = house.root / "data" / "sample" / f"{name}.csv"
        # a couple shares one address on purpose
        order = import_order(house.workspace, file, name=name, household=True)
        now = house.clock.now()
        diff = diff_import(house.store, house.workspace, order, now=now)
        yield name, apply_import(house.store, order, diff, now=now)


async def drive(house: House, *, days: int = DAYS) -> AsyncIterator[Moment]:
    """Play the next ``days`` days: move the clock from one due instant to the next, plan and deliver at each.

    It runs the same jobs as ``nurture run``; only the clock is driven.
    """
    clock = house.clock
    assert isinstance(clock, DrivenClock), "only a driven clock can be moved"
    end = clock.now() + timedelta(days=days)
    mail = demo_mail.DemoMail(house)
    async with open_worker(house) as worker:
        while True:
            planned = jobs.plan(house)
            delivered = await worker.deliver_due()
            yield Moment(clock.now(), planned, delivered, mail.play())
            following = min(filter(None, (next_due(house, until=end), mail.next_at)), default=None)
            if following is None:
                clock.move_to(end)
                return
            clock.move_to(following)


def next_due(house: House, *, until: datetime) -> datetime | None:
    """When the next edition or delivery is due after now, up to ``until``; None: nothing is."""
    now = house.clock.now()
    with house.store.read() as connection:
        outlook = look(connection, house.workspace, now=now)
        instants = [due.occurrence.at for _, due in outlook.due(until=until)]
        instants.append(deliveries.next_due_at(connection, mode=outlook.mode, after=now) or until)
    return min((instant for instant in instants if now < instant < until), default=None)
