"""Fixtures that every part shares: an empty database of either kind."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.store import Store, create_store, open_store

NO_SKIPS = os.environ.get("NURTURE_TEST_NO_SKIPS", "") not in ("", "0")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """With NURTURE_TEST_NO_SKIPS=1 (as in CI) a skipped test fails the run: a missing server must not pass for green."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if NO_SKIPS and reporter is not None and reporter.stats.get("skipped") and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        reporter.write_line("a test was skipped, and NURTURE_TEST_NO_SKIPS is set", red=True)


DATABASE_MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file with the present schema, to be copied."""
    root = tmp_path_factory.mktemp("template")
    create_store("sqlite:///template.db", root=root, clock=DrivenClock(DATABASE_MADE_AT)).close()
    return root / "template.db"


@pytest.fixture(scope="session")
def postgresql_template() -> Iterator[str]:
    """The address of an empty PostgreSQL database with the present schema."""
    address = os.environ.get("NURTURE_TEST_DATABASE_URL", "")
    if not address:
        pytest.skip("NURTURE_TEST_DATABASE_URL is not set: no PostgreSQL server (tests/servers/postgres.sh starts one)")
    url = sa.make_url(address)
    # several test processes may share the server
    template = url.set(database=f"nurture_template_{os.getpid()}")
    with _server(url) as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{template.database}"')
    text = template.render_as_string(hide_password=False)
    create_store(text, root=Path(), clock=DrivenClock(DATABASE_MADE_AT)).close()
    yield text
    with _server(url) as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{template.database}" WITH (FORCE)')


def _server(url: sa.URL) -> sa.Connection:
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    return engine.connect()


_numbers = count(1)


@pytest.fixture
def new_sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The address of this test's own empty SQLite database."""
    path = tmp_path / "database" / "nurture.db"
    path.parent.mkdir(mode=0o700)
    shutil.copyfile(sqlite_template, path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@pytest.fixture
def new_postgresql_url(postgresql_template: str) -> Iterator[str]:
    """The address of this test's own empty PostgreSQL database."""
    template = sa.make_url(postgresql_template)
    own = template.set(database=f"nurture_{os.getpid()}_{next(_numbers)}")
    with _server(template.set(database="postgres")) as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{own.database}" TEMPLATE "{template.database}"')
    yield own.render_as_string(hide_password=False)
    with _server(template.set(database="postgres")) as connection:
        connection.exec_driver_sql(f'DROP DATABASE "{own.database}" WITH (FORCE)')


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
