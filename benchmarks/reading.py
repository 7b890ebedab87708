"""A full mailbox is taken in, from a real Dovecot."""

from __future__ import annotations

import sqlite3
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from benchmarks.measurement import Measurement, median, significant
from benchmarks.processes import NURTURE, ROOT, Usage, run
from tests.servers.dovecot import PASSWORD, USER, Dovecot, is_available, running_dovecot

MAILS = 10_000
FEW = 1_000
_MAILBOX = """
mailbox:
  kind: dedicated
  imap: {{host: 127.0.0.1, port: {port}, tls: none, username: {user}, password: file:data/imap-password}}
"""


def measure() -> list[Measurement]:
    """``nurture inbox read`` with 10,000 mails waiting: fetched, judged, written down; each in its own process.

    The mails are the ones that the tests judge (replies, bounces, automatic
    answers in many languages and encodings), each made another by a line at its
    end. The mailbox is ``dedicated``, so that all of their words are stored.
    Dovecot runs beside it; its CPU time is not counted, its time on the wall
    is. Afterwards the rows are counted. The memory is compared with that of the
    same command for 1,000 mails.
    """
    if not is_available():
        sys.exit("no Dovecot, or not root (Debian: apt-get install dovecot-imapd)")
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as folder, running_dovecot() as dovecot:
        clinics = [_clinic(Path(folder) / f"clinic{number}", dovecot) for number in range(4)]
        _deliver(dovecot, 0, FEW)
        few = _read(clinics[0], FEW)
        _deliver(dovecot, FEW, MAILS)
        many = [_read(clinic, MAILS) for clinic in clinics[1:]]
    peak = max(usage.peak for usage in many)
    return [
        median(f"read {MAILS:,} mails", [MAILS / usage.wall for usage in many], "mails/s", bar=150, at_least=True),
        median(f"read {MAILS:,} mails, CPU", [usage.cpu / MAILS * 1000 for usage in many], "ms CPU/mail"),
        median(f"read {MAILS:,} mails, peak memory", [usage.peak for usage in many], "MB RSS"),
        Measurement(f"... by that of {FEW:,} mails", significant(peak / few.peak), "times", bar=1.2),
    ]


def _clinic(folder: Path, dovecot: Dovecot) -> Path:
    """A clinic that reads the mailbox from now on."""
    run((*NURTURE, "init", str(folder), "--yes"))
    password = folder / "data" / "imap-password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    settings = folder / "nurture.yaml"
    settings.write_text(settings.read_text() + _MAILBOX.format(port=dovecot.port, user=USER))
    run((*NURTURE, "-w", str(folder), "db", "upgrade"))
    run((*NURTURE, "-w", str(folder), "inbox", "read"))
    return folder


def _deliver(dovecot: Dovecot, first: int, end: int) -> None:
    originals = [path.read_bytes() for path in sorted((ROOT / "tests" / "inbox" / "fixtures").rglob("*.eml"))]
    for number in range(first, end):
        dovecot.deliver(originals[number % len(originals)] + b"\n%d\n" % number)


def _read(clinic: Path, mails: int) -> Usage:
    usage = run((*NURTURE, "-w", str(clinic), "inbox", "read"))
    with closing(sqlite3.connect(clinic / "data" / "nurture.db")) as connection:
        (found,) = connection.execute("SELECT count(*) FROM inbound").fetchone()
    if found != mails:
        raise AssertionError(f"{found} of {mails} mails are there")
    return usage
