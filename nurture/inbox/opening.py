"""Opens the clinic's mailbox, of whatever kind it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nurture.delivery.oauth.access import Grant
from nurture.inbox.imap_login import ImapAccount
from nurture.inbox.imap_reading import ImapSession
from nurture.inbox.maildir import MaildirSession
from nurture.inbox.raw_mail import MailboxSession
from nurture.store import Store, inbound
from nurture.workspace.mailbox import Imap, Mailbox
from nurture.workspace.settings import Settings


def open_mailbox(settings: Settings, mailbox: Mailbox, store: Store, *, root: Path) -> MailboxSession:
    """A session with the mailbox; it dials when it is read first. ``root`` is the workspace's folder."""
    if mailbox.imap is not None:
        account = ImapAccount(mailbox.imap, root, grant=_grant(settings, mailbox.imap, root))
        return ImapSession(account, mailbox.folders, name=mailbox.account)
    assert mailbox.maildir is not None, "the settings were checked"

    def known_files(folder: str, names: Sequence[str]) -> frozenset[str]:
        with store.read() as connection:
            return inbound.known_files(connection, mailbox.account, folder, names)

    return MaildirSession(root / mailbox.maildir, mailbox.folders, name=mailbox.account, known_files=known_files)


def _grant(settings: Settings, imap: Imap, root: Path) -> Grant | None:
    """The permission of a sender that opens the mailbox, too; None: a password does."""
    if imap.permission_of is None:
        return None
    smtp = settings.senders[imap.permission_of].smtp
    assert smtp is not None, "the settings were checked"
    assert smtp.oauth is not None, "the settings were checked"
    return Grant.of(imap.permission_of, smtp.oauth, root=root)
