"""`mailbox` in nurture.yaml: what may stand there, and what is said where it may not."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.errors import FilesError
from nurture.workspace.mailbox import MailboxKind
from nurture.workspace.scaffold import Answers, init_workspace
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import load_workspace

IMAP = "{host: imap.provider.example, username: hello, password: 'env:IMAP'}"


@pytest.fixture
def root(tmp_path) -> Path:
    init_workspace(tmp_path / "clinic", Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    return tmp_path / "clinic"


def load(root: Path, words: str) -> Settings:
    settings = root / "nurture.yaml"
    settings.write_text(f"{settings.read_text()}staff: {{rosa: {{name: Rosa Delgado}}}}\n{words}\n")
    return load_workspace(root).settings


def test_a_shared_mailbox_with_inbox_junk_and_sent_is_the_default(root):
    mailbox = load(root, f"mailbox: {{imap: {IMAP}}}").mailbox
    assert (mailbox.kind, mailbox.folders, mailbox.account) == (
        MailboxKind.SHARED,
        ("INBOX", "Junk", "Sent"),
        "hello",
    )
    assert (mailbox.imap.port, mailbox.imap.tls) == (993, "implicit")


def test_a_mailbox_may_be_a_maildir_or_a_person(root):
    assert load(root, "mailbox: {maildir: /var/mail/hello}").mailbox.account == "maildir"


def test_none_needs_a_person(root):
    settings = load(root, "mailbox: none\nreplies_read_by: rosa")
    assert (settings.mailbox, settings.replies_read_by) == (None, "rosa")


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("mailbox: none", "write who, `replies_read_by: NAME`"),
        ("mailbox: none\nreplies_read_by: rosie", "unknown person `rosie`; did you mean `rosa`?"),
        (f"mailbox: {{imap: {IMAP}}}\nreplies_read_by: rosa", "goes with `mailbox: none`"),
        ("mailbox: {kind: shared}", "either `imap` or a `maildir`"),
        (f"mailbox: {{maildir: x, imap: {IMAP}}}", "either `imap` or a `maildir`"),
        (f"mailbox: {{imap: {IMAP.replace('}', ', tls: none}')}}}", "`none` is only for a server on this machine"),
        (f"mailbox: {{imap: {IMAP.replace('env:IMAP', 'hunter2')}}}", "not the secret itself"),
        (f"mailbox: {{imap: {IMAP}, folders: []}}", "name at least one folder"),
        ("mailbox: nothing", "keys and values are expected here"),
    ],
)
def test_what_does_not_fit_is_said_at_its_line(root, words, problem):
    with pytest.raises(FilesError) as caught:
        load(root, words)
    (found,) = caught.value.problems
    assert problem in found.message
    assert "hunter2" not in found.message
    assert found.line > 30
