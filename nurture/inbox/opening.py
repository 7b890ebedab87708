"""Opens the clinic's mailbox, of whatever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nurture.inbox.imap_client import USUAL, Bounds
from nurture.inbox.imap_login import ImapAccount
from nurture.inbox.imap_reading import ImapSession
from nurture.inbox.maildir import MaildirSession
from nurture.inbox.raw_mail import MailboxSession
from nurture.store import Store, inbound
from nurture.workspace.mailbox import Mailbox


def open_mailbox(mailbox: Mailbox, store: Store, *, root: Path, bounds: Bounds = USUAL) -> MailboxSession:
    """A session with the mailbox; it dials when it is read first. ``root`` is the workspace's folder."""
    if mailbox.imap is not None:
        return ImapSession(ImapAccount(mailbox.imap, root, bounds), mailbox.folders, name=mailbox.account)
    assert mailbox.maildir is not None, "the settings were checked"

    def known_files(folder: str, names: Sequence[str]) -> frozenset[str]:
        with store.read() as connection:
            return inbound.known_files(connection, mailbox.account, folder, names)

    return MaildirSession(root / mailbox.maildir, mailbox.folders, name=mailbox.account, known_files=known_files)
