"""A live clinic with a planned edition, that a worker can send."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.crowd import fill
from benchmarks.processes import ROOT
from nurture.clock import DrivenClock
from nurture.composing.dkim_keys import new_keys
from nurture.planning.editions import plan_now
from nurture.service.house import open_house
from nurture.store import meta
from nurture.vocabulary import Mode

AT = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)
CAMPAIGN = "partner-news"
CONNECTIONS = 16
_FILES = ("nurture.yaml", "campaigns", "segments", "imports", "news", "templates", "data/sample")
_ACCOUNT = """\
    connections: {connections}
    smtp: {{host: 127.0.0.1, port: {port}, {tls}}}
{keys}"""


def make_clinic(folder: Path, people: int) -> None:
    """A clinic in ``folder`` that is live, with so many people.

    It is the sample clinic without its pictures and with one item of news: its newsletter has 24 kB of HTML.
    """
    for name in _FILES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, folder / name)
    for path in (folder / "nurture.yaml", *(folder / "news").glob("*.md")):
        path.write_text(re.sub(r"(?m)^ *(logo|image|alt|image_alt):.*\n", "", path.read_text(encoding="utf-8")))
    with (folder / "nurture.yaml").open("a", encoding="utf-8") as settings:
        settings.write(f"\nbrakes: {{first_edition: {{over: {people}}}}}\n")  # as if others were sent before
    campaign = folder / "campaigns" / f"{CAMPAIGN}.yaml"
    campaign.write_text(campaign.read_text(encoding="utf-8").replace("max: 3", "max: 1"), encoding="utf-8")
    store = fill(folder, people)
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, AT)
    store.close()
    write_account(folder, port=25, keys=())


def plan_edition(folder: Path) -> None:
    """An edition of the partner news is queued: for four of five people."""
    with open_house(folder, clock=DrivenClock(AT)) as house:
        plan_now(house.store, house.workspace, CAMPAIGN, now=AT, snapshot=house.snapshot)


def write_account(folder: Path, *, port: int, keys: tuple[str, ...], authority: Path | None = None) -> None:
    """The first sender's account: this port of this machine, with STARTTLS if an ``authority`` is to be trusted.

    ``keys`` are of ``rsa`` and ``ed25519``.
    """
    made = dict(zip(("rsa", "ed25519"), new_keys("riverbend.example", "bench"), strict=True))
    written = []
    for kind in keys:
        path = folder / f"{kind}.pem"
        path.write_text(made[kind].pem, encoding="ascii")
        path.chmod(0o600)
        written.append(f"      - {{selector: bench-{kind}, key: 'file:{path.name}'}}\n")
    dkim = "    dkim:\n" + "".join(written) if written else ""
    settings = folder / "nurture.yaml"
    plain = re.sub(r"(?ms)^    connections: .*?(?=^  \w)", "", settings.read_text(encoding="utf-8"))
    tls = f"tls: starttls, ca_file: '{authority}'" if authority else "tls: none"
    account = _ACCOUNT.format(connections=CONNECTIONS, port=port, tls=tls, keys=dkim)
    settings.write_text(plain.replace("    signer: rosa\n", "    signer: rosa\n" + account, 1), encoding="utf-8")
