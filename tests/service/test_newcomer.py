"""A newcomer's way, by the command line alone: from `nurture init` to live editions through a real Postfix."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.servers import postfix as postfixes
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.dns_server import DnsServer, records, serve_dns
from tests.servers.postfix import Postfix
from tests.servers.ready import free_port
from tests.service.noon import NOON_ZONE

pytestmark = [pytest.mark.postfix, pytest.mark.timeout(900)]

PATIENCE = 120.0
CLINIC = "Cedar Hill Physical Therapy"
OWN, OWNER = "hello@cedarhillpt.com", "ann@cedarhillpt.com"
PEOPLE = [f"person{number}@cedar-clubs.org" for number in range(1, 46)]
DEAD = PEOPLE[2:17:3]  # five of the first thirty have no mailbox any more
LEFT_BEFORE, LEAVES = PEOPLE[39], PEOPLE[44]
EDITION = "moved@1"
CAMPAIGN = """\
kind: broadcast
topic: news
to: {category: CATEGORY}
SCHEDULE
subject: Something new, {{ contact.first_name | default('all') }}
template: announcement
body: We moved.
intent: give
"""


@pytest.fixture
def certificate(tmp_path) -> Certificate:
    return make_certificate(tmp_path / "certificate")


@pytest.fixture
def postfix(certificate) -> Iterator[Postfix]:
    if not postfixes.is_available():
        pytest.skip("no Postfix, or not root: apt-get install postfix")
    folder = Path(tempfile.mkdtemp(prefix="nurture-postfix-"))  # pytest's own folders are closed to Postfix's users
    alive = [address for address in PEOPLE if address not in DEAD]
    with postfixes.running_postfix(folder, [OWN, OWNER, *alive], certificate) as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def dns() -> Iterator[DnsServer]:
    with serve_dns() as server:
        server.replies |= {
            "cedarhillpt.com TXT": records('cedarhillpt.com. 60 IN TXT "v=spf1 ip4:192.0.2.0/24 -all"'),
            "cedarhillpt.com MX": records("cedarhillpt.com. 60 IN MX 10 mx.cedarhillpt.com."),
            "mx.cedarhillpt.com A": records("mx.cedarhillpt.com. 60 IN A 192.0.2.25"),
            "_dmarc.cedarhillpt.com TXT": records(
                f'_dmarc.cedarhillpt.com. 60 IN TXT "v=DMARC1; p=none; rua=mailto:{OWN}"'
            ),
        }
        yield server


class Newcomer:
    """A folder, and what somebody types in it."""

    def __init__(self, root: Path, postfix: Postfix) -> None:
        self.root = root
        self.postfix = postfix

    def types(self, *words: object, code: int | None = 0, cwd: Path | None = None) -> str:
        command = [sys.executable, "-m", "nurture", *map(str, words)]
        done = subprocess.run(
            command, cwd=cwd or self.root, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert code is None or done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def asks(self, *words: object, code: int = 0) -> dict:
        return json.loads(self.types(*words, "--json", code=code))

    def writes(self, name: str, text: str) -> None:
        """A file as it has lain there for long: one that changes near an edition's time delays it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (1_700_000_000, 1_700_000_000))

    def changes(self, name: str, *changes: tuple[str, str]) -> None:
        text = (self.root / name).read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        self.writes(name, text)

    @contextmanager
    def running(self) -> Iterator[None]:
        """`nurture run`, as long as this lasts."""
        process = subprocess.Popen(
            [sys.executable, "-m", "nurture", "run"],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=PATIENCE)[0]
        assert (process.returncode, "Traceback" in said) == (0, False), said

    def edition(self, name: str) -> dict:
        editions = self.asks("accounts")["accounts"]["editions"]
        return next((found for found in editions if found["edition"] == name), {})

    def got(self, *, of: str) -> Counter[str]:
        """How many mails with these words in their subject lie in each mailbox."""
        found: Counter[str] = Counter()
        for path in self.postfix.maildirs.glob("*/new/*"):
            subject = re.search(rb"^Subject: (.*(?:\r?\n[ \t].*)*)", path.read_bytes(), re.MULTILINE)
            if subject is not None and of.encode() in subject[1]:
                found[path.parent.parent.name] += 1
        return found


def until(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.3)


@pytest.fixture
def newcomer(tmp_path, postfix, certificate) -> Newcomer:
    """`nurture init`, the clinic's own values, its people, and who left the newsletter of before."""
    made = Newcomer(tmp_path / "clinic", postfix)
    made.types("init", made.root, "--yes", cwd=tmp_path)
    port = free_port()
    account = f"{{host: localhost, port: {postfix.port}, tls: starttls, ca_file: {certificate.authority}}}"
    made.changes(
        "nurture.yaml",
        ("Example Physical Therapy", CLINIC),
        ("555-0100", "(503) 230-4417"),
        ("1 Main Street", "12 Cedar Hill Road"),
        ("https://clinic.example", "https://cedarhillpt.com"),
        ("hello@clinic.example", OWN),
        ("America/Los_Angeles", NOON_ZONE),
        ("contact_gap: 3 days", "contact_gap: 0 days"),
        ("    # smtp:", f"    limits: {{per_minute: 60}}\n    smtp: {account}\n    # smtp:"),
    )
    settings = (made.root / "nurture.yaml").read_text()
    more = f"public_url: http://127.0.0.1:{port}\nweb: {{port: {port}}}\ntest_recipients: [{OWNER}]\n"
    hours = 'window: {hours: {mon-sun: "07:00-21:00"}}\n'
    made.writes("nurture.yaml", settings + more + hours)
    (made.root / "campaigns" / "partner-news.yaml").unlink()
    made.writes("campaigns/hello.yaml", CAMPAIGN.replace("CATEGORY", "school").replace("SCHEDULE\n", ""))
    people = "".join(
        f"{address},Pat{number},{'school; ' if address == LEAVES else ''}sports_club,implied,2026-10-01,card\n"
        for number, address in enumerate(PEOPLE)
    )
    made.writes("data/contacts.csv", "Email,First name,Category,Consent,Consent date,Consent source\n" + people)
    made.types("contacts", "import", "data/contacts.csv", "--yes")
    made.writes("data/old.csv", f"Email Address,Status\n{LEFT_BEFORE},unsubscribed\n")
    made.types("suppress", "import", "data/old.csv", "--yes")
    return made


def test_from_init_to_live_editions(newcomer: Newcomer, postfix: Postfix, dns: DnsServer) -> None:
    server = f"127.0.0.1:{dns.port}"
    assert "leave-test" in newcomer.types("go-live", "--look", "--nameserver", server, code=1)
    with newcomer.running():
        until(lambda: "no loop is running" not in newcomer.types("status", code=None), "the loop does not start")
        newcomer.types("leave-test")
        newcomer.types("go-live", "--look", "--nameserver", server)
        newcomer.types("go-live", "--nameserver", server, "--clinic", CLINIC)
        plan_the_move(newcomer)
        postfix.wait_for(1)
        assert set(newcomer.got(of="[TEST]")) == {OWNER}

        newcomer.types("send", "hello", "--yes")
        until(lambda: newcomer.got(of="Something new, Pat44")[LEAVES] == 1, "the first mail did not arrive")

        until(lambda: newcomer.got(of="Please approve: moved")[OWNER] == 1, "the owner saw no notice")
        until(lambda: newcomer.edition(EDITION), "the edition was not made")
        assert newcomer.edition(EDITION)["sent"] == 0, "nothing leaves before somebody says so"
        newcomer.types("approve", EDITION)
        until(lambda: newcomer.edition(EDITION)["sent"] >= 3, "nothing leaves though it was approved")

        leave(postfix, LEAVES)
        newcomer.types("pause", "moved")
        paused = settled(newcomer)
        time.sleep(5)
        assert newcomer.edition(EDITION)["sent"] == paused["sent"] < 30
        newcomer.types("resume", "moved")

        until(lambda: "more than 8 %" in newcomer.types("status", code=None), "the brake did not bite")
        held = settled(newcomer)
        assert held["sent"] + held["failed"] == 30, "the brake bites with the thirtieth answer"
        newcomer.types("approve", EDITION)
        until(lambda: newcomer.edition(EDITION)["state"] == "finished", "the edition does not end")

    alive = [address for address in PEOPLE if address not in (*DEAD, LEFT_BEFORE, LEAVES)]
    postfix.wait_for(len(alive) + 3)  # the test, the first mail, the notice
    assert newcomer.got(of="Something new") - Counter(newcomer.got(of="[TEST]")) == Counter([*alive, LEAVES])
    found = newcomer.edition(EDITION)
    assert (found["sent"], found["failed"], found["skipped"]) == (len(alive), len(DEAD), 2)
    assert newcomer.asks("accounts")["balanced"]


def plan_the_move(newcomer: Newcomer) -> None:
    """A broadcast within the next minute or two."""
    due = datetime.now(ZoneInfo(NOON_ZONE)) + timedelta(seconds=90)
    schedule = f"schedule: {due:%Y-%m-%d} at {due:%H:%M}"
    newcomer.writes("campaigns/moved.yaml", CAMPAIGN.replace("CATEGORY", "sports_club").replace("SCHEDULE", schedule))
    until(lambda: date_back_what_was_seen(newcomer), "the loop does not see the new file")


def date_back_what_was_seen(newcomer: Newcomer) -> bool:
    """As if the campaign had stood there for days: an edition waits until its file was quiet for ten minutes."""
    words = "UPDATE campaign_version SET first_seen_at = '2026-11-01 12:00:00.000000' WHERE campaign = 'moved'"
    with closing(sqlite3.connect(newcomer.root / "data" / "nurture.db", timeout=PATIENCE)) as connection, connection:
        return connection.execute(words).rowcount > 0


def settled(newcomer: Newcomer) -> dict:
    """The edition's account when no mail is on its way any more."""
    before: dict = {}
    while (found := newcomer.edition(EDITION)) != before:
        before = found
        time.sleep(1.5)
    return found


def leave(postfix: Postfix, address: str) -> None:
    """One click in the mail program: RFC 8058's POST to the link in the first mail."""
    (raw,) = postfix.mails(address)
    link = re.search(r"^List-Unsubscribe: <(http[^>]+)>", raw.decode(), re.MULTILINE)
    assert link is not None
    request = urllib.request.Request(link[1], data=b"List-Unsubscribe=One-Click", method="POST")
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 200
