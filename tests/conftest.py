"""Fixtures that every part shares: an empty database of either kind."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nurture.store import Store, open_store
from tests.servers import databases

# what a live worker remembers of its database must not end up in a developer's home; processes inherit this
_STATE = tempfile.TemporaryDirectory(prefix="nurture-state-")
os.environ["NURTURE_STATE_DIR"] = _STATE.name

NO_SKIPS = os.environ.get("NURTURE_TEST_NO_SKIPS", "") not in ("", "0")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With NURTURE_TEST_NO_SKIPS=1 (as in CI) a skipped test fails the run: a missing server must not pass for green."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NO_SKIPS and reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("a test was skipped, and NURTURE_TEST_NO_SKIPS is set", red=True)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file with the present schema, to be copied."""
    return databases.make_sqlite_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgresql_template() -> Iterator[str]:
    """The address of an empty PostgreSQL database with the present schema."""
    server = databases.server_address()
    if not server:
        pytest.skip("NURTURE_TEST_DATABASE_URL is not set: no PostgreSQL server (tests/servers/postgres.sh starts one)")
    with databases.postgresql_template(server) as template:
        yield template


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def new_sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of this test's own empty SQLite database."""
    return databases.copy_sqlite(sqlite_template, tmp_path / "database")


@pytest.fixture
def new_postgresql_url(postgresql_template: str) -> Iterator[str]:
    """The address of this test's own empty PostgreSQL database."""
    with databases.postgresql_copy(postgresql_template) as address:
        yield address


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """The address of this test's own empty database; the test runs once on each kind."""
    url: str = request.getfixturevalue(f"new_{request.param}_url")
    return url


@pytest.fixture
def open_database(database_url: str) -> Iterator[Callable[[], Store]]:
    """Opens the test's database once more, as a second process would."""
    opened: list[Store] = []

    def open_one() -> Store:
        opened.append(open_store(database_url, root=Path()))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


@pytest.fixture
def store(open_database: Callable[[], Store]) -> Store:
    """An open, empty database; the test runs once on SQLite and once on PostgreSQL."""
    return open_database()


@pytest.fixture
def sqlite_store(new_sqlite_url: str) -> Iterator[Store]:
    """An open, empty SQLite database, for tests where the kind does not matter."""
    store = open_store(new_sqlite_url, root=Path())
    yield store
    store.close()
