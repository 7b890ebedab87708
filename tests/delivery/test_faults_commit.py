"""PostgreSQL goes away while a COMMIT is under way: it was done, or it was not, and the worker is not told which."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from nurture.errors import StoreError
from nurture.store import open_store
from tests.delivery.balance import assert_all_arrived_once
from tests.delivery.conftest import Office
from tests.servers.postgres_proxy import PostgresProxy
from tests.servers.scripted_smtp import ScriptedSmtp

pytestmark = pytest.mark.postgres

RECIPIENTS, COMMITS = 3, 16


@pytest.fixture
def proxy(new_postgresql_url: str) -> Iterator[PostgresProxy]:
    with PostgresProxy(new_postgresql_url) as proxy:
        yield proxy


@pytest.fixture
def office(proxy: PostgresProxy, tmp_path: Path, content: dict) -> Iterator[Office]:
    """An office whose database is behind the proxy."""
    store = open_store(proxy.url, root=Path())
    yield Office(store, tmp_path / "clinic", content)
    store.close()


@pytest.mark.parametrize("arrives", [True, False], ids=["committed", "not committed"])
@pytest.mark.parametrize("pipelining", ["off", "auto"])
@pytest.mark.parametrize("nth", range(1, COMMITS + 1))
async def test_a_lost_commit_loses_no_mail_and_repeats_none(
    office: Office, server: ScriptedSmtp, proxy: PostgresProxy, nth: int, pipelining: str, arrives: bool
) -> None:
    office.use(server, pipelining=pipelining)
    outbox = office.outbox(recipients=RECIPIENTS)
    worker = office.worker()
    proxy.slam_at(nth, arrives=arrives)
    for _ in range(3):  # a database that fails between two mails ends a round
        try:
            await worker.deliver_due()
        except StoreError:
            continue
    with suppress(StoreError):  # the last COMMITs are those of its good-bye
        await worker.close()
    assert proxy.slammed or proxy.commits < nth
    assert_all_arrived_once(outbox, server.mails)
    assert max(outbox.column("attempts")) == 1


async def test_the_lost_commits_above_are_all_kinds_of_commits(
    office: Office, server: ScriptedSmtp, proxy: PostgresProxy
) -> None:
    office.use(server)
    office.outbox(recipients=RECIPIENTS)
    worker = office.worker()
    proxy.slam_at(1_000, arrives=True)
    await worker.deliver_due()
    delivering = proxy.commits
    await worker.close()
    # claim, begin, each mail's mark, the last answer
    assert RECIPIENTS + 2 <= delivering <= COMMITS
