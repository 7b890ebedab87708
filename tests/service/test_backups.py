"""Backups of a whole clinic: made while mail leaves, put back elsewhere, and every way in which they can be broken."""

import gzip
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.clock import DrivenClock
from nurture.composing.edition import prepare_edition
from nurture.composing.link_keys import add_link_key
from nurture.composing.shared import PageAddress
from nurture.delivery.outside import VARIABLE
from nurture.errors import BackupError, InputError, SchemaError
from nurture.service.backups.making import Backup, Source, back_up
from nurture.service.backups.putting_back import PutBack, put_back
from nurture.service.backups.upgrading import upgrade
from nurture.service.delivering import open_worker
from nurture.service.house import open_house
from nurture.store import Store, create_store, meta, migrate, open_store
from nurture.store.opening import open_any_version
from nurture.store.schema import suppression
from nurture.vocabulary import Mode
from nurture.web.readers import ReaderPages
from nurture.web.server import serve
from tests.delivery.balance import assert_balanced
from tests.delivery.clinic import make_clinic
from tests.delivery.outbox import Outbox, fill_outbox
from tests.servers import small_disk as small_disks
from tests.servers.scripted_smtp import ScriptedSmtp, Step
from tests.web.conftest import FORM, ONE_CLICK, Desk

NOW = datetime(2024, 12, 3, 15, 0, tzinfo=UTC)  # Tuesday, 10:00 in New York
PASSPHRASE = "four words make one"
PEOPLE = 12
PATIENCE = 90.0


class Clinic:
    """A live clinic with twelve mails in its queue, whose links lead to a page."""

    def __init__(self, folder: Path, server: ScriptedSmtp) -> None:
        self.folder = folder
        self.root = folder / "clinic"
        self.server = server
        workspace = make_clinic(self.root, {"host": "127.0.0.1", "port": server.port, "tls": "none"})
        for path in self.root.rglob("*.yaml"):
            os.utime(path, (1_700_000_000, 1_700_000_000))
        key = add_link_key(self.root / "data", now=NOW)
        page = PageAddress("https://mail.riverbend.example", key.id)
        content = prepare_edition(workspace, "partner-news", news=(), occurrence="2024-12-03T09:30", pages=page)
        store = create_store("sqlite:///data/nurture.db", root=self.root, clock=DrivenClock(NOW))
        with store.write() as connection:
            meta.set_mode(connection, Mode.LIVE, NOW - timedelta(days=1))
            meta.put(connection, "link_keys", key.id)
        self.outbox = fill_outbox(store, recipients=PEOPLE, content=content.to_json(), now=NOW)
        store.close()

    async def send(self, limit: int | None = None) -> None:
        with open_house(self.root, clock=DrivenClock(NOW)) as house:
            async with open_worker(house) as worker:
                await worker.deliver_due(limit=limit)

    def back_up(
        self, target: Path, *, passphrase: str | None = None, keep: int | None = None, now: datetime = NOW
    ) -> Backup:
        with open_house(self.root, clock=DrivenClock(NOW)) as house:
            source = Source(self.root, house.workspace.settings, house.store)
            return back_up(source, target, passphrase=passphrase, keep=keep, now=now)

    def nurture(self, *words: str, root: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "nurture", "--workspace", str(root or self.root), *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False, env={**os.environ, **environment}
        )


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "state"))
    with ScriptedSmtp() as server:
        yield Clinic(tmp_path, server)


def restore(file: Path, folder: Path, *, passphrase: str | None = None, replace: bool = False) -> PutBack:
    return put_back(file, folder, passphrase=passphrase, replace=replace, now=NOW)


def opened(root: Path) -> closing[Store]:
    return closing(open_store("sqlite:///data/nurture.db", root=root))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def test_links_of_mails_sent_before_still_work_in_the_restored_clinic(clinic: Clinic) -> None:
    await clinic.send(4)
    made = clinic.back_up(clinic.folder / "monday.backup", passphrase=PASSPHRASE)
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert b"clinic-partner.example" not in made.file.read_bytes()
    await clinic.send(3)  # is lost
    clinic.root.rename(clinic.folder / "broken-disk")

    done = restore(made.file, clinic.root, passphrase=PASSPHRASE)
    assert done.finding is not None
    assert done.finding.doubt == "behind"
    for name in ("data", "data/nurture.db", "data/link.keys"):
        assert (clinic.root / name).stat().st_mode & 0o077 == 0, name
    refused = clinic.nurture("run", "--no-inbox")
    assert refused.returncode == 2
    assert "nurture db confirm-restored" in refused.stderr
    assert clinic.nurture("db", "confirm-restored", "--yes").returncode == 0
    await clinic.send()
    assert len(clinic.server.mails) == 7, "what may have been sent in the lost time waits for a yes"
    assert clinic.nurture("accounts").returncode == 0

    link = message_from_bytes(clinic.server.mails[0].raw, policy=policy.default)["List-Unsubscribe"]
    path = re.search(r"https://mail\.riverbend\.example(/u/[^>]+)>", link)
    assert path is not None
    with opened(clinic.root) as store:
        clock, settings = DrivenClock(NOW), done.settings
        pages = ReaderPages(store, clinic.root / "data", lambda: settings, clock)
        server = serve(pages, host="127.0.0.1", port=0)
        outbox = Outbox(store, clinic.outbox.edition_id, clinic.outbox.delivery_ids)
        desk = Desk(store, clinic.root / "data", outbox, server, clock, pages)
        assert desk.ask(path[1], "POST", ONE_CLICK, Content_Type=FORM).status == 200
        server.stop()
        pages.close()
        with store.read() as connection:
            assert connection.execute(sa.select(suppression.c.reason)).scalars().all() == ["unsubscribed"]


async def test_a_backup_while_mail_leaves_is_one_moment_whose_accounts_balance(clinic: Clinic) -> None:
    made = []
    for number in (3, 7, 11):  # in the middle of an envelope, a mail is in hand and the worker writes on
        target = clinic.folder / f"{number}.backup"
        step = Step(
            "250 2.1.5 ok", during=lambda target=target: made.append(clinic.back_up(target)), when=f"person{number}@"
        )
        clinic.server.on("RCPT", step)
    await clinic.send()
    assert len(made) == 3
    sent = []
    for backup in made:
        folder = clinic.folder / backup.file.stem
        restore(backup.file, folder)
        assert clinic.nurture("accounts", root=folder).returncode == 0
        assert clinic.nurture("db", "check", root=folder).returncode == 0
        with opened(folder) as store:
            sent.append(Outbox(store, clinic.outbox.edition_id, clinic.outbox.delivery_ids).states.count("sent"))
    assert sent == sorted(sent)
    assert sent[-1] > 0
    with opened(clinic.root) as store:
        assert_balanced(store, clinic.server.mails)


def test_the_whole_folder_comes_back_but_for_what_is_made_anew(clinic: Clinic) -> None:
    kept = {
        "pictures/front door.jpg": b"a picture",
        "data/keys/clinic.pem": b"a DKIM key",
        "data/tokens/main.json": b"a token",
        "notes.txt": "für später".encode(),
        "data/address.key": b"00" * 32,
    }
    left = ["data/sandbox/Maildir/new/1", "data/previews/x.html", ".venv/lib", "venv/lib/x.py", "old.backup"]
    for name, content in {**kept, **dict.fromkeys(left, b"not needed"), "venv/pyvenv.cfg": b""}.items():
        (clinic.root / name).parent.mkdir(parents=True, exist_ok=True)
        (clinic.root / name).write_bytes(content)
    (clinic.root / "data/keys/clinic.pem").chmod(0o600)
    made = clinic.back_up(clinic.folder / "all.backup")
    done = restore(made.file, clinic.folder / "new")
    assert {name: (done.folder / name).read_bytes() for name in kept} == kept
    assert [name for name in left if (done.folder / name).exists()] == []
    assert (done.folder / "data/keys/clinic.pem").stat().st_mode & 0o777 == 0o600
    assert (done.folder / "data/keys").stat().st_mode & 0o777 == 0o700
    before, after = (root / "campaigns/partner-news.yaml" for root in (clinic.root, done.folder))
    assert before.stat().st_mtime == after.stat().st_mtime, "a new time would look like a change of the file"
    assert done.files == made.files


def test_secrets_that_are_kept_elsewhere_are_named(clinic: Clinic) -> None:
    settings = clinic.root / "nurture.yaml"
    account = "username: a, password: env:NURTURE_TEST_SMTP"
    settings.write_text(settings.read_text().replace("tls: none}", f"tls: none, {account}}}"))
    made = clinic.back_up(clinic.folder / "x.backup")
    assert made.not_included == ("env:NURTURE_TEST_SMTP",)
    done = restore(made.file, clinic.folder / "new")
    assert "NURTURE_TEST_SMTP is not set" in done.missing[0]


class TestDamage:
    """What is not exactly what was written is refused, and leaves nothing behind."""

    @pytest.fixture(params=[None, PASSPHRASE], ids=["plain", "encrypted"])
    def backup(self, request: pytest.FixtureRequest, clinic: Clinic) -> tuple[bytes, str | None]:
        (clinic.root / "picture.jpg").write_bytes(os.urandom(300_000))  # several pieces
        return clinic.back_up(clinic.folder / "good.backup", passphrase=request.param).file.read_bytes(), request.param

    def refuse(self, content: bytes, passphrase: str | None, folder: Path) -> str:
        (folder / "bad.backup").write_bytes(content)
        with pytest.raises(BackupError) as caught:
            restore(folder / "bad.backup", folder / "new", passphrase=passphrase)
        assert not (folder / "new").exists()
        assert str(caught.value).endswith("Nothing was changed.")
        return str(caught.value)

    def test_a_bit_that_flipped(self, backup: tuple[bytes, str | None], tmp_path: Path) -> None:
        content, passphrase = backup
        for place in (30, len(content) // 3, len(content) // 2, len(content) - 40):
            broken = bytearray(content)
            broken[place] ^= 1
            assert re.search("damaged|not as it was|wrong|no backup", self.refuse(bytes(broken), passphrase, tmp_path))

    def test_an_end_that_is_missing(self, backup: tuple[bytes, str | None], tmp_path: Path) -> None:
        content, passphrase = backup
        head, piece = 34, 65_536 + 16
        for end in (0, 10, 60, head + piece, head + 2 * piece, len(content) - 9, len(content) - 1):
            assert self.refuse(content[:end], passphrase, tmp_path)

    def test_pieces_that_changed_places(self, clinic: Clinic) -> None:
        (clinic.root / "picture.jpg").write_bytes(os.urandom(300_000))
        content = clinic.back_up(clinic.folder / "good.backup", passphrase=PASSPHRASE).file.read_bytes()
        head, piece = 34, 65_536 + 16
        one, two = content[head + piece : head + 2 * piece], content[head + 2 * piece : head + 3 * piece]
        broken = content[: head + piece] + two + one + content[head + 3 * piece :]
        assert len(broken) == len(content)
        assert "damaged" in self.refuse(broken, PASSPHRASE, clinic.folder)

    def test_a_wrong_passphrase_or_none(self, clinic: Clinic) -> None:
        content = clinic.back_up(clinic.folder / "good.backup", passphrase=PASSPHRASE).file.read_bytes()
        assert "the passphrase is wrong" in self.refuse(content, PASSPHRASE + "!", clinic.folder)
        assert "it is encrypted" in self.refuse(content, None, clinic.folder)

    @pytest.mark.parametrize(
        "content",
        [b"", b"SQLite format 3\0", gzip.compress(b"hello"), gzip.compress(b"\0" * 10_240)],
        ids=["nothing", "a database", "no archive", "an empty archive"],
    )
    def test_what_is_no_backup(self, content: bytes, tmp_path: Path) -> None:
        assert self.refuse(content, None, tmp_path)

    def test_a_passphrase_that_is_too_short_writes_nothing(self, clinic: Clinic) -> None:
        with pytest.raises(BackupError, match="12 characters or more"):
            clinic.back_up(clinic.folder / "x.backup", passphrase="short")
        assert not (clinic.folder / "x.backup").exists()


def test_a_name_that_leads_out_of_the_folder_is_refused(clinic: Clinic) -> None:
    content = gzip.decompress(clinic.back_up(clinic.folder / "good.backup").file.read_bytes())
    inside, outside = b"clinic/nurture.yaml", b"../../a/evil.yaml\0\0"
    place = content.index(inside + b"\0")
    block = bytearray(content[place : place + 512])
    block[: len(inside)] = outside
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    bad = clinic.folder / "bad.backup"
    bad.write_bytes(gzip.compress(content[:place] + bytes(block) + content[place + 512 :]))
    with pytest.raises(BackupError, match=r"evil\.yaml"):
        restore(bad, clinic.folder / "new")


async def test_a_clinic_that_is_there_is_moved_aside_only_when_told_and_never_while_it_runs(clinic: Clinic) -> None:
    made = clinic.back_up(clinic.folder / "x.backup")
    (clinic.root / "today.txt").write_text("written today")
    (clinic.root / "campaigns/today.txt").write_text("written today")
    with pytest.raises(BackupError, match="--replace"):
        restore(made.file, clinic.root)
    with open_house(clinic.root, clock=DrivenClock(NOW)) as house:
        async with open_worker(house):
            with pytest.raises(BackupError, match="is at work in"):
                restore(made.file, clinic.root, replace=True)
    before = clinic.root.joinpath("data/nurture.db").read_bytes()
    done = restore(made.file, clinic.root, replace=True)
    assert done.replaced is not None
    assert (done.replaced / "data/nurture.db").read_bytes() == before
    assert (done.replaced / "campaigns/today.txt").exists()
    assert (clinic.root / "today.txt").exists(), "what the backup does not have stays"
    assert not (clinic.root / "campaigns/today.txt").exists()
    again = clinic.back_up(clinic.folder / "y.backup")
    assert again.files == made.files + 1, "today.txt, and nothing of what was moved aside"


def test_only_older_backups_of_the_same_clinic_are_removed(clinic: Clinic) -> None:
    folder = clinic.folder / "backups"
    folder.mkdir()
    others = {"riverbend-physical-therapy-00000000-20200101T000000Z.backup", "holiday.jpg", "mine.backup"}
    for name in others:
        (folder / name).write_text("somebody else's")
    made = [clinic.back_up(folder, keep=3, now=NOW + timedelta(days=day)) for day in range(5)]
    assert names(folder) == others | {backup.file.name for backup in made[2:]}
    assert made[-1].removed == (made[1].file,)
    with pytest.raises(InputError, match="is none"):
        clinic.back_up(clinic.folder / "one.backup", keep=3)
    with pytest.raises(InputError, match="there already"):
        clinic.back_up(made[-1].file)


def test_one_that_is_killed_leaves_no_half_file_and_the_next_one_clears_up(clinic: Clinic) -> None:
    (clinic.root / "film.bin").write_bytes(os.urandom(1 << 20) * 150)  # some seconds of work
    target = clinic.folder / "backups"
    target.mkdir()
    command = [sys.executable, "-m", "nurture", "-w", str(clinic.root), "db", "backup", str(target / "x.backup")]
    process = subprocess.Popen(command)
    end = time.monotonic() + PATIENCE
    while not any(path.stat().st_size for path in target.glob(".nurture-draft-*/backup")):
        assert process.poll() is None, "it was too fast"
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (target / "x.backup").exists()
    assert len(names(target)) == 1
    (clinic.root / "film.bin").unlink()
    clinic.back_up(target / "x.backup")
    assert names(target) == {"x.backup"}
    assert [path.name for path in (clinic.root / "data").glob(".nurture-*")] == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 1 MB, in memory."""
    with small_disks.small_disk(tmp_path / "disk", "1m") as folder:
        yield folder


def test_on_a_full_disk_nothing_is_left(clinic: Clinic, small_disk: Path) -> None:
    (clinic.root / "film.bin").write_bytes(os.urandom(2 << 20))
    said = clinic.nurture("db", "backup", str(small_disk / "x.backup"))
    assert said.returncode == 2
    assert "cannot be made: No space left on device" in said.stderr
    assert names(small_disk) == set()
    assert "has never made a copy" in clinic.nurture("doctor", "--zone-file", os.devnull).stdout

    elsewhere = clinic.back_up(clinic.folder / "x.backup")
    with pytest.raises(BackupError, match="No space left"):
        restore(elsewhere.file, small_disk)
    assert names(small_disk) == set()


def test_an_older_database_says_what_to_do_and_is_backed_up_before_it_changes(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "VERSIONS", ("0000", *migrate.VERSIONS))
    with sqlite3.connect(clinic.root / "data/nurture.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    connection.close()
    with pytest.raises(SchemaError, match="`nurture db upgrade`, which makes a backup first"), open_house(clinic.root):
        pass

    def fail(_connection: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(migrate, "_run_migrations", fail)
    with pytest.raises(RuntimeError, match="power cut"):
        upgrade(clinic.root, backup=True, now=NOW)
    with closing(open_any_version("sqlite:///data/nurture.db", root=clinic.root)) as store:
        assert migrate.schema_version(store) == "0000", "the old database is as it was"
    (copy,) = (clinic.root / "data/backups").iterdir()
    assert copy.name == "before-upgrade-from-0000-20241203T150000Z.backup"
    done = restore(copy, clinic.folder / "as-before")
    assert done.upgrade_due
    assert done.finding is None, "it cannot be judged before the upgrade"
    with closing(open_any_version("sqlite:///data/nurture.db", root=done.folder)) as store:
        assert migrate.schema_version(store) == "0000"


def test_a_backup_of_a_newer_nurture_is_refused(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    made = clinic.back_up(clinic.folder / "x.backup")
    monkeypatch.setattr(migrate, "VERSIONS", migrate.VERSIONS[:-1])
    with pytest.raises(BackupError, match=r"made by a newer nurture .* update this program first"):
        restore(made.file, clinic.folder / "new")


@pytest.mark.postgres
def test_a_clinic_on_postgresql_comes_back_into_an_empty_database(
    new_postgresql_url: str, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = clinic.root / "nurture.yaml"
    settings.write_text(f"{settings.read_text()}database: env:NURTURE_TEST_CLINIC\n")
    monkeypatch.setenv("NURTURE_TEST_CLINIC", new_postgresql_url)
    store = open_store(new_postgresql_url, root=clinic.root)
    with store.write() as connection:
        meta.put(connection, "word", "kept")
    store.close()
    made = clinic.back_up(clinic.folder / "x.backup", passphrase=PASSPHRASE)
    with pytest.raises(SchemaError, match="holds tables already"):
        restore(made.file, clinic.folder / "new", passphrase=PASSPHRASE)
    assert not (clinic.folder / "new").exists()

    address = sa.make_url(new_postgresql_url)
    empty = address.set(database=f"{address.database}_restored")
    server = sa.create_engine(address.set(database="postgres"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with server.connect() as connection:
        connection.exec_driver_sql(f'CREATE DATABASE "{empty.database}"')
        try:
            monkeypatch.setenv("NURTURE_TEST_CLINIC", empty.render_as_string(hide_password=False))
            done = restore(made.file, clinic.folder / "new", passphrase=PASSPHRASE)
            with open_house(done.folder) as house, house.store.read() as reading:
                assert meta.get(reading, "word") == "kept"
        finally:
            connection.exec_driver_sql(f'DROP DATABASE "{empty.database}" WITH (FORCE)')


def test_a_campaign_with_a_mistake_keeps_no_backup_from_being_made(clinic: Clinic) -> None:
    (clinic.root / "campaigns/partner-news.yaml").write_text("kind: [")
    assert clinic.nurture("check").returncode == 1
    made = clinic.nurture("db", "backup", str(clinic.folder / "x.backup"))
    assert made.returncode == 0, made.stderr
    assert "not encrypted" in made.stdout
