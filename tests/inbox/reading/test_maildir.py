"""A Maildir is read where it lies: files are known by name, whatever their dates and flags."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from nurture.errors import MailboxError
from nurture.inbox.maildir import MaildirSession
from nurture.inbox.parsing import MAX_OCTETS
from nurture.inbox.raw_mail import BATCH_OCTETS

BEGAN = datetime(2026, 12, 1, 12, tzinfo=UTC)
LATER = BEGAN + timedelta(hours=1)


class Maildir:
    """A folder with mails, and what a database would know of them."""

    def __init__(self, path: Path, *folders: str) -> None:
        self.path = path
        self.positions = {}
        self.taken = set()
        for folder in ("", *folders):
            for part in ("cur", "new", "tmp"):
                (path / folder / part).mkdir(parents=True)

    def put(self, name: str, *, at: datetime = LATER, raw: bytes = b"Subject: x\n\n", folder: str = "") -> Path:
        path = self.path / folder / name
        path.write_bytes(raw)
        os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    def session(self, *folders: str) -> MaildirSession:
        return MaildirSession(
            self.path,
            folders or ("INBOX", "Junk"),
            name="maildir",
            known_files=lambda folder, names: frozenset(name for name in names if (folder, name) in self.taken),
        )

    def read(self, session: MaildirSession) -> list[str]:
        found = []
        for batch in session.batches(dict(self.positions), LATER if self.positions else BEGAN):
            self.positions[batch.position.folder] = batch.position
            self.taken |= {(batch.position.folder, mail.file_name) for mail in batch.mails}
            found += [mail.file_name for mail in batch.mails]
        return found


@pytest.fixture
def maildir(tmp_path) -> Maildir:
    return Maildir(tmp_path / "Maildir", ".Junk", ".M&APY-bel")


def test_only_what_came_since_it_is_read_is_new_and_each_file_once(maildir):
    maildir.put("new/1.old", at=BEGAN - timedelta(days=2))
    maildir.put("cur/2.old:2,S", at=BEGAN - timedelta(days=1))
    session = maildir.session()
    assert maildir.read(session) == []
    before = sorted(path for path in maildir.path.rglob("*"))
    maildir.put("new/4.b")
    maildir.put("cur/3.a:2,S")
    maildir.put("new/5.spam", folder=".Junk")
    assert maildir.read(session) == ["3.a", "4.b", "5.spam"]
    assert maildir.read(session) == []
    assert maildir.read(maildir.session()) == [], "a new process asks the database"
    assert len(list(maildir.path.rglob("*"))) == len(before) + 3, "nothing was moved or removed"


def test_a_mail_that_somebody_reads_or_flags_is_the_same(maildir):
    session = maildir.session()
    maildir.read(session)
    path = maildir.put("new/1.a")
    assert maildir.read(session) == ["1.a"]
    path.rename(maildir.path / "cur" / "1.a:2,RS")
    assert maildir.read(session) == []
    assert maildir.read(maildir.session()) == []


def test_a_file_that_is_copied_in_late_is_found_though_its_name_and_date_are_earlier(maildir):
    session = maildir.session()
    maildir.read(session)
    maildir.put("new/9.last", at=LATER)
    assert maildir.read(session) == ["9.last"]
    maildir.put("new/1.first", at=BEGAN + timedelta(minutes=1))
    assert maildir.read(session) == ["1.first"]


def test_huge_files_are_read_in_part_and_few_at_once(maildir):
    session = maildir.session()
    maildir.read(session)
    for number in range(6):
        maildir.put(f"new/{number}.huge", raw=b"x" * (MAX_OCTETS + 10))
    batches = [batch.mails for batch in session.batches(maildir.positions, LATER) if batch.mails]
    assert [mail.cut for mails in batches for mail in mails] == [True] * 6
    assert max(sum(len(mail.octets) for mail in mails) for mails in batches) <= BATCH_OCTETS + MAX_OCTETS


def test_folders_with_odd_names_are_read_and_missing_ones_named(maildir):
    session = maildir.session("Nowhere", "Möbel", "Junk", "Trash")
    with pytest.raises(MailboxError, match="no folder `Nowhere`"):
        maildir.read(session)
    maildir.put("new/1.a", folder=".M&APY-bel")
    with pytest.raises(MailboxError, match="Nowhere"):
        maildir.read(session)
    assert ("Möbel", "1.a") in maildir.taken


def test_a_file_that_vanishes_or_cannot_be_read_keeps_nobody_else_waiting(maildir):
    session = maildir.session()
    maildir.read(session)
    (maildir.path / "new" / "1.link").symlink_to(maildir.path / "nothing")
    maildir.put("new/2.a")
    maildir.put(os.fsdecode(b"new/3.\xff"))
    assert maildir.read(session) == ["2.a", "3.\\udcff"]
    assert maildir.read(maildir.session()) == []
