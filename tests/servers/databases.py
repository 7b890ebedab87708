"""Empty databases with the present schema: made once, then copied, which costs milliseconds."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.store import create_store

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)
_numbers = count(1)


def server_address() -> str:
    """The PostgreSQL server of the tests; empty where there is none."""
    return os.environ.get("NURTURE_TEST_DATABASE_URL", "")


def make_sqlite_template(root: Path) -> Path:
    """A database file to be copied."""
    create_store("sqlite:///template.db", root=root, clock=DrivenClock(MADE_AT)).close()
    return root / "template.db"


def copy_sqlite(template: Path, folder: Path) -> str:
    """The address of a copy in a new folder of its own."""
    path = folder / "nurture.db"
    folder.mkdir(mode=0o700)
    shutil.copyfile(template, path)
    path.chmod(0o600)
    return f"sqlite:///{path}"


@contextmanager
def postgresql_template(server: str) -> Iterator[str]:
    """The address of a database to be copied; several test processes may share the server."""
    own = sa.make_url(server).set(database=f"nurture_template_{os.getpid()}")
    _run(server, f'CREATE DATABASE "{own.database}"')
    text = own.render_as_string(hide_password=False)
    try:
        create_store(text, root=Path(), clock=DrivenClock(MADE_AT)).close()
        yield text
    finally:
        _run(server, f'DROP DATABASE "{own.database}" WITH (FORCE)')


@contextmanager
def postgresql_copy(template: str) -> Iterator[str]:
    """The address of a copy, which is dropped at the end."""
    url = sa.make_url(template)
    own = url.set(database=f"nurture_{os.getpid()}_{next(_numbers)}")
    server = url.set(database="postgres").render_as_string(hide_password=False)
    _run(server, f'CREATE DATABASE "{own.database}" TEMPLATE "{url.database}"')
    try:
        yield own.render_as_string(hide_password=False)
    finally:
        _run(server, f'DROP DATABASE "{own.database}" WITH (FORCE)')


def _run(server: str, statement: str) -> None:
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
