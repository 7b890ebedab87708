"""A session on a scripted server, with the positions that a database would hold."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from nurture.inbox.imap_client import Bounds
from nurture.inbox.imap_login import ImapAccount
from nurture.inbox.imap_reading import ImapSession
from nurture.inbox.raw_mail import RawMail
from nurture.store.inbound import FolderPosition
from nurture.workspace.mailbox import Imap
from tests.servers.scripted_imap import ScriptedImap

BEGAN = datetime(2026, 12, 1, 12, tzinfo=UTC)
LATER = BEGAN + timedelta(hours=1)
LONG_AGO = BEGAN - timedelta(days=30)
WAIT = 30.0  # seconds that a slow machine gets
PATIENT = Bounds(connect=10, silence=WAIT, command=WAIT)


def mail(name: str, size: int = 0) -> bytes:
    return f"From: lee@clinic.example\r\nSubject: {name}\r\n\r\n{'x' * size}{name}\r\n".encode()


class Reader:
    """One session, and the positions that a database would hold."""

    def __init__(self, server: ScriptedImap, folders: tuple[str, ...], bounds: Bounds) -> None:
        settings = Imap.model_validate(
            {
                "host": "127.0.0.1",
                "port": server.port,
                "tls": "none",
                "username": "hello",
                "password": "env:IMAP_SECRET",
            }
        )
        self.session = ImapSession(ImapAccount(settings, root=Path(), bounds=bounds), folders, name="hello")
        self.positions: dict[str, FolderPosition] = {}

    def read(self, now: datetime = LATER) -> list[str]:
        """The subjects of what is new."""
        return [each.octets.partition(b"Subject: ")[2].split(b"\r\n")[0].decode() for each in self.mails(now)]

    def mails(self, now: datetime = LATER) -> list[RawMail]:
        found: list[RawMail] = []
        for batch in self.session.batches(dict(self.positions), now):
            found += batch.mails
            self.positions[batch.position.folder] = batch.position
        return found
