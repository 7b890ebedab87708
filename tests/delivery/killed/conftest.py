"""Workers in processes of their own, to be killed, stopped, or taken for dead."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nurture.store import Store
from tests.delivery.clinic import make_clinic
from tests.delivery.conftest import Office
from tests.delivery.worker_process import Orders, WorkerProcess

Start = Callable[..., WorkerProcess]


@pytest.fixture
def office(store: Store, tmp_path: Path, content: dict) -> Office:
    """An office on SQLite, then on PostgreSQL."""
    return Office(store, tmp_path / "clinic", content)


@pytest.fixture
def start(office: Office, database_url: str) -> Iterator[Start]:
    """Starts a worker process that waits for `go`."""
    started: list[WorkerProcess] = []

    def start_one(**more: object) -> WorkerProcess:
        make_clinic(office.root, office.smtp, connections=office.connections)
        started.append(WorkerProcess(Orders(database_url, office.root, **more)))
        return started[-1]

    yield start_one
    for process in started:
        process.kill()
