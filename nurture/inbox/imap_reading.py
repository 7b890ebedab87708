"""Reading an IMAP account: folder by folder, from where it was left, in small batches."""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from nurture.address import clean_text
from nurture.errors import MailboxError
from nurture.inbox.imap_beginning import Beginning, in_parts, where_to_begin
from nurture.inbox.imap_client import BoundedImap
from nurture.inbox.imap_fetching import ListedMail, RefusedError, list_mails, search_after
from nurture.inbox.imap_folders import (
    ListedFolder,
    OpenFolder,
    find_folder,
    list_folders,
    mail_comes_into,
    may_be_missing,
    open_folder,
)
from nurture.inbox.imap_idling import idle
from nurture.inbox.imap_login import FAILURES, ImapAccount, log_in
from nurture.inbox.imap_taking import MAX_HELD, Taken, settled, take_all, take_each
from nurture.inbox.parsing import MAX_OCTETS
from nurture.inbox.raw_mail import BATCH, BATCH_OCTETS, Batch
from nurture.store.inbound import FolderPosition

_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
_INBOX = ListedFolder(b"INBOX", frozenset())


class _FolderTroubleError(Exception):
    """One folder cannot be read; the others can."""


class ImapSession:
    """A `MailboxSession` over IMAP; the connection lives as long as it can and comes again by itself.

    ``name`` is the account's in the database, ``folders`` are as the clinic names them.
    """

    def __init__(self, account: ImapAccount, folders: Sequence[str], *, name: str) -> None:
        self._account = account
        self._folders = folders
        self._name = name
        self._client: BoundedImap | None = None
        self._stopped = False
        self._of_others: set[str] = set()  # folders into which mail comes from outside
        self._inbox_next: int | None = None  # the number that the next mail in INBOX gets, when we read it
        self._waker, self._wake = socket.socketpair()

    def batches(self, positions: dict[str, FolderPosition], now: datetime) -> Iterator[Batch]:
        """As `MailboxSession` says."""
        troubles: list[str] = []
        since = min((position.since for position in positions.values()), default=now)
        try:
            for folder in self._find(troubles):
                try:
                    if not positions:
                        yield self._present_end(folder, now)
                    else:
                        yield from self._new_mails(folder, positions.get(folder.name), since=since, now=now)
                except _FolderTroubleError as trouble:
                    troubles.append(str(trouble))
        except FAILURES as error:
            self._drop()
            words = clean_text(str(error))[:300] or type(error).__name__
            raise MailboxError(f"{self._account.server} broke off: {words}") from error
        if troubles:
            self._drop()  # what the server remembers of this session may be the trouble
            raise MailboxError(f"{self._account.server}: {'; '.join(troubles)}")

    def comes_into(self, folder: str) -> bool:
        """As `MailboxSession` says."""
        return folder in self._of_others

    def wait(self, seconds: float) -> None:
        """As `MailboxSession` says; by IDLE in INBOX (RFC 2177) where the server knows it."""
        client = self._client
        if client is None:
            select.select([self._waker], [], [], seconds)
            return
        try:
            opened = open_folder(client, _INBOX)
            if opened is not None and opened.uid_next == self._inbox_next:
                idle(client, seconds, self._waker)
        except FAILURES:
            self._drop()

    def stop(self) -> None:
        """As `MailboxSession` says; a server that is silent at the moment is not waited for."""
        self._stopped = True
        client = self._client
        with contextlib.suppress(OSError):
            self._wake.send(b"!")
            if client is not None:
                client.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """As `MailboxSession` says."""
        if self._client is not None and not self._stopped:
            with contextlib.suppress(*FAILURES):
                self._client.logout()
        self._drop()
        self._waker.close()
        self._wake.close()

    def _drop(self) -> None:
        if self._client is not None:
            self._client.shutdown()
        self._client = None

    def _connected(self) -> BoundedImap:
        """The connection, made anew where the server has closed it while nothing happened."""
        if self._stopped:
            raise MailboxError(f"reading from {self._account.server} was stopped")
        if self._client is not None:
            try:
                self._client.noop()
            except FAILURES:
                self._drop()
        if self._client is None:
            self._client = log_in(self._account)
        return self._client

    def _find(self, troubles: list[str]) -> list[ListedFolder]:
        """The folders that shall be read, each once; what is missing goes to ``troubles``."""
        listed = list_folders(self._connected())
        found: dict[str, ListedFolder] = {}
        for wanted in self._folders:
            folder = find_folder(wanted, listed)
            if folder is not None:
                found.setdefault(folder.name, folder)
                if any(mail_comes_into(name, folder.flags) for name in (wanted, folder.name)):
                    self._of_others.add(folder.name)
            elif not may_be_missing(wanted):
                troubles.append(f"there is no folder `{wanted}` that holds mail (`mailbox.folders` names it)")
        return list(found.values())

    def _open(self, folder: ListedFolder) -> tuple[BoundedImap, OpenFolder]:
        client = self._connected()
        opened = open_folder(client, folder)
        if opened is None:
            raise _FolderTroubleError(f"the folder `{folder.name}` cannot be opened")
        if opened.uid_validity is None:
            # its numbers mean nothing from one time to the next, so all would come again and again
            raise _FolderTroubleError(f"the server gives the folder `{folder.name}` no UIDVALIDITY")
        return client, opened

    def _present_end(self, folder: ListedFolder, now: datetime) -> Batch:
        """Where an account begins that was never read before."""
        client, opened = self._open(folder)
        last = opened.uid_next - 1 if opened.uid_next else max(search_after(client, 0, _EPOCH), default=0)
        self._note(folder, opened)
        return Batch(FolderPosition(self._name, folder.name, opened.uid_validity or 0, last, now))

    def _note(self, folder: ListedFolder, opened: OpenFolder) -> None:
        if folder.wire.upper() == _INBOX.wire:
            self._inbox_next = opened.uid_next

    def _new_mails(
        self, folder: ListedFolder, position: FolderPosition | None, *, since: datetime, now: datetime
    ) -> Iterator[Batch]:
        client, opened = self._open(folder)
        self._note(folder, opened)
        beginning = where_to_begin(position, opened, account=self._name, folder=folder.name, since=since)
        here = beginning.position
        uids: list[int] = []
        if opened.uid_next is None or opened.uid_next > here.uid + 1:
            uids = search_after(client, here.uid, beginning.earliest)
        held: list[Taken] = []
        for part, last in self._parts(folder, beginning, uids):
            for taken in self._take(folder, here, part):
                held.append(taken)
                if sum(len(each.mail.octets) for each in held) > BATCH_OCTETS:  # the sizes told were wrong
                    ready, held = settled(held)
                    yield _batch(here, ready, held, last=taken.mail.uid, now=now)
            ready, held = settled(held)
            yield _batch(here, ready, held, last=last, now=now)
            if len(held) >= MAX_HELD:
                break
        if held:
            raise _FolderTroubleError(f"UID {held[0].mail.uid} in `{folder.name}` cannot be read: {held[0].why}")
        if not uids and here != position:
            yield Batch(here)  # the folder's numbers are new, and nothing else is

    def _parts(
        self, folder: ListedFolder, beginning: Beginning, uids: Sequence[int]
    ) -> Iterator[tuple[tuple[ListedMail, ...], int]]:
        for begin in range(0, len(uids), BATCH):
            numbers = uids[begin : begin + BATCH]
            try:
                listed = list_mails(self._again(folder, beginning.position), numbers)
            except (RefusedError, *FAILURES) as error:
                if beginning.from_the_start:  # without dates nobody can tell what is old
                    raise _FolderTroubleError(f"the mails in `{folder.name}` cannot be listed: {error}") from error
                self._after(error)
                listed = [ListedMail(number, MAX_OCTETS, None) for number in numbers]
            yield from in_parts(listed, beginning, numbers[-1])

    def _take(self, folder: ListedFolder, here: FolderPosition, part: Sequence[ListedMail]) -> Iterator[Taken]:
        """Fetch mails together; where that fails, each alone on a connection that works."""
        try:
            yield from take_all(self._again(folder, here), part)
        except (RefusedError, *FAILURES) as error:
            self._after(error)
            yield from take_each(lambda: self._again(folder, here), self._after, part)

    def _again(self, folder: ListedFolder, here: FolderPosition) -> BoundedImap:
        """The connection with the folder open, dialed anew if it was dropped."""
        if self._client is not None:
            return self._client
        client, opened = self._open(folder)
        if opened.uid_validity != here.uid_validity:
            raise _FolderTroubleError(f"the folder `{folder.name}` was made anew while it was read")
        return client

    def _after(self, error: Exception) -> None:
        """After a refusal the connection is as it was; after all else nobody knows what comes next on it."""
        if not isinstance(error, RefusedError):
            self._drop()


def _batch(here: FolderPosition, ready: Sequence[Taken], held: Sequence[Taken], *, last: int, now: datetime) -> Batch:
    """The mails that are ready; the folder is read up to ``last``, or to before what is held back."""
    mails = tuple(replace(taken.mail, received_at=min(taken.mail.received_at, now)) for taken in ready)
    return Batch(replace(here, uid=held[0].mail.uid - 1 if held else last), mails)
