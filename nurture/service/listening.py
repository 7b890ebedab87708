"""The mailbox beside the loop: one session that stays open between the runs of the job `mailbox`."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

from nurture.errors import LoginError, NurtureError
from nurture.inbox.opening import open_mailbox
from nurture.inbox.raw_mail import MailboxSession
from nurture.service.house import House
from nurture.service.inbox import take_in
from nurture.workspace.mailbox import Mailbox

log = logging.getLogger("nurture")

WAIT = 60.0  # seconds; other folders than INBOX, and servers without IDLE, are looked at so often
FIRST_PAUSE = 5.0  # seconds after a failure; doubled each time
LONGEST_PAUSE = 300.0
LOGIN_PAUSE = 300.0  # seconds after a refused login: providers lock accounts that ask again and again


class Listener:
    """Reads the mailbox whenever something arrives. Runs in a thread of its own; `attend` is one round."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mailbox")
        self._stopping = threading.Event()
        self._open: tuple[Mailbox, MailboxSession] | None = None
        self._pause = 0.0

    async def attend(self) -> None:
        """Take in what has arrived, then wait for more, for at most `WAIT` seconds.

        Raises `NurtureError` if the mailbox cannot be read; the next round begins with a pause.
        """
        if not self._stopping.is_set():
            await asyncio.get_running_loop().run_in_executor(self._thread, self._attend)

    async def close(self) -> None:
        """End the round that goes on; a mail that is half read comes again."""
        self._stopping.set()
        opened = self._open
        if opened is not None:
            opened[1].stop()
        await asyncio.to_thread(self._thread.shutdown)
        self._let_go()

    def _attend(self) -> None:
        if self._stopping.wait(self._pause):
            return
        mailbox = self._house.workspace.settings.mailbox
        if mailbox is None:
            self._let_go()
            return
        try:
            session = self._session(mailbox)
            kinds = take_in(self._house, mailbox, session).kinds
        except NurtureError as error:
            if self._stopping.is_set():
                return  # it was we who broke it off
            usual = min(max(self._pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
            self._pause = LOGIN_PAUSE if isinstance(error, LoginError) else usual
            raise
        self._pause = 0.0
        if kinds:
            log.info("mailbox: %s", ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
        session.wait(WAIT)

    def _session(self, mailbox: Mailbox) -> MailboxSession:
        """The session of before, unless the settings have changed."""
        if self._open is not None and self._open[0] != mailbox:
            self._let_go()
        if self._open is None:
            settings, root = self._house.workspace.settings, self._house.root
            self._open = mailbox, open_mailbox(settings, mailbox, self._house.store, root=root)
            if self._stopping.is_set():  # `close` may have looked a moment too early
                self._open[1].stop()
        return self._open[1]

    def _let_go(self) -> None:
        opened, self._open = self._open, None
        if opened is not None:
            opened[1].close()
