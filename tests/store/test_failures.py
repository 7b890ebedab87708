"""Every way in which a database cannot be used ends in words that say what to do."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.errors import SchemaError, StoreError, StoreFullError, StoreMissingError
from nurture.store import Store, create_store, meta, open_store
from nurture.store.filesystem import network_file_system

NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def plain_user() -> Iterator[None]:
    """Nothing is read-only for root, so root turns into nobody for a moment."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreMissingError, match=r"nurture\.db is not there yet: run `nurture db upgrade`"):
        open_store("sqlite:///nurture.db", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_taken_away_while_open(sqlite_store: Store) -> None:
    sqlite_store.close()
    assert sqlite_store.path is not None
    sqlite_store.path.unlink()
    with pytest.raises(StoreMissingError, match="is not there"), sqlite_store.read():
        pass
    assert not sqlite_store.path.exists()


@pytest.mark.parametrize(
    "content",
    [b"name,address\nMaria,maria@club.example\n" * 100, b"\x00" * 4096, b"SQLite format 3\x00" + b"\xff" * 4096],
)
def test_not_a_database(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "nurture.db").write_bytes(content)
    for use in (open_store, create_store):
        with pytest.raises(StoreError, match="is not a database, or it is damaged"):
            use("sqlite:///nurture.db", root=tmp_path)
    assert (tmp_path / "nurture.db").read_bytes() == content


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "nurture.db").mkdir()
    with pytest.raises(StoreError, match="is not a file"):
        create_store("sqlite:///nurture.db", root=tmp_path)


def test_tables_of_another_program(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "nurture.db")
    connection.execute("CREATE TABLE cookies (name)")
    connection.close()
    for use in (open_store, create_store):
        with pytest.raises(SchemaError, match="tables of another program"):
            use("sqlite:///nurture.db", root=tmp_path)


def test_file_of_somebody_else(folder: Path) -> None:
    create_store("sqlite:///nurture.db", root=folder).close()
    (folder / "nurture.db").chmod(0o000)
    with plain_user(), pytest.raises(StoreFullError, match="cannot be opened: let this user read and write"):
        open_store("sqlite:///nurture.db", root=folder)


def test_read_only_file(folder: Path) -> None:
    create_store("sqlite:///nurture.db", root=folder).close()
    folder.chmod(0o777)
    (folder / "nurture.db").chmod(0o444)
    with plain_user():
        store = open_store("sqlite:///nurture.db", root=folder)
        with pytest.raises(StoreFullError, match="is read-only: let this user write"), store.write() as connection:
            meta.put(connection, "word", "new")
        store.close()


def test_read_only_folder(folder: Path) -> None:
    create_store("sqlite:///nurture.db", root=folder).close()
    (folder / "nurture.db").chmod(0o444)
    folder.chmod(0o555)
    with plain_user(), pytest.raises(StoreFullError, match="let this user"):
        open_store("sqlite:///nurture.db", root=folder)
    folder.chmod(0o755)


def test_folder_that_takes_no_new_file(folder: Path) -> None:
    folder.chmod(0o555)
    with plain_user(), pytest.raises(StoreFullError, match=r"cannot be made: Permission denied"):
        create_store("sqlite:///data/nurture.db", root=folder)
    folder.chmod(0o755)


def test_no_space_left_changes_nothing(sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        # holds for this connection, which the pool hands out again
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + 1}")
    with pytest.raises(StoreFullError, match="no space is left"), sqlite_store.write() as connection:
        meta.put(connection, "word", "x" * 100_000)
    with sqlite_store.read() as connection:
        assert meta.get(connection, "word") is None


MOUNTS = """\
/dev/vda / ext4 rw,relatime 0 0
tmpfs /run tmpfs rw 0 0
nas:/clinic /srv/clinic nfs4 rw,vers=4.2 0 0
//nas/my\\040share /mnt/my\\040share cifs rw 0 0
C:\\134 /mnt/c 9p rw,aname=drvfs;path=C:\\ 0 0
box /srv/box 9p rw,trans=virtio 0 0
/dev/vdb /srv/clinic/local ext4 rw 0 0
nas:/late /data nfs rw 0 0
/dev/vdc /data ext4 rw 0 0
broken line
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/clinic/nurture.db", None),
        ("/srv/clinic/data/nurture.db", "nfs4"),
        ("/srv/clinical/nurture.db", None),
        ("/srv/clinic/local/nurture.db", None),
        ("/mnt/my share/nurture.db", "cifs"),
        ("/mnt/c/Users/lee/nurture.db", "drvfs"),
        ("/srv/box/nurture.db", None),
        ("/data/nurture.db", None),
    ],
)
def test_kinds_of_file_systems(path: str, kind: str | None) -> None:
    assert network_file_system(Path(path), MOUNTS) == kind


def test_a_network_file_system_is_refused(tmp_path: Path) -> None:
    mounts = f"nas:/clinic {tmp_path} nfs4 rw 0 0\n"
    for use in (open_store, create_store):
        with pytest.raises(
            StoreError, match=r"network or foreign file system \(nfs4\).*Move the database to a local disk"
        ):
            use("sqlite:///nurture.db", root=tmp_path, mounts=lambda: mounts)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite://", "in memory would lose the history"),
        ("sqlite:///:memory:", "in memory would lose the history"),
        ("mysql://root:s3cret@db.example/nurture", "databases of the kind mysql cannot be used"),
        ("po:::///s3cret", "is not one"),
        ("postgresql://clinic:s3cret@127.0.0.1:port/nurture", "is not one"),
        ("postgresql://clinic:s3cret@127.0.0.1:1/nurture?colour=red", 'PostgreSQL does not know: .*"colour"'),
        ("postgresql+psycopg://clinic:s3cret@127.0.0.1:1/nurture", r"nurture on 127\.0\.0\.1:1 cannot be reached"),
        ("postgresql://clinic:s3cret@127.0.0.1:1/nurture?password=s3cret", "cannot be reached .*Is the server running"),
    ],
)
def test_addresses_that_cannot_work_are_told_without_the_password(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as caught:
        open_store(url, root=Path())
    assert "s3cret" not in str(caught.value)


def test_the_password_is_never_shown(tmp_path: Path) -> None:
    store = Store(
        sa.make_url("postgresql+psycopg://clinic:s3cret@db.example/nurture?password=s3cret"),
        path=None,
        busy_timeout=open_store.__kwdefaults__["busy_timeout"],
    )
    assert "s3cret" not in repr(store) + store.url + store.place


@pytest.mark.postgres
def test_a_postgresql_database_that_does_not_exist(new_postgresql_url: str) -> None:
    url = sa.make_url(new_postgresql_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(StoreMissingError, match="nowhere does not exist yet: create it with `createdb`"):
        open_store(url, root=Path())


@pytest.mark.postgres
def test_a_postgresql_login_that_is_refused(new_postgresql_url: str) -> None:
    url = sa.make_url(new_postgresql_url).set(username="stranger", password="s3cret")
    with pytest.raises(StoreError, match="refuses the login") as caught:
        open_store(url.render_as_string(hide_password=False), root=Path())
    assert "s3cret" not in str(caught.value)


@pytest.mark.postgres
def test_a_postgresql_user_who_may_only_read(new_postgresql_url: str) -> None:
    url = sa.make_url(new_postgresql_url)
    reader = f"reader_of_{url.database}"
    owner = open_store(new_postgresql_url, root=Path())
    with owner.write() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {reader} LOGIN")
        connection.exec_driver_sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    store = open_store(url.set(username=reader).render_as_string(hide_password=False), root=Path())
    with pytest.raises(StoreFullError, match="is read-only for this user"), store.write() as connection:
        meta.put(connection, "word", "new")
    store.close()
    with owner.write() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {reader}")
        connection.exec_driver_sql(f"DROP ROLE {reader}")
    owner.close()
