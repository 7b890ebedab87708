"""A fresh workspace, and the command line run in it as `main` runs it."""

import os
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.cli import main
from nurture.clock import SystemClock
from nurture.workspace.scaffold import Answers, init_workspace

CONTACTS = """\
Email,First name,Last name,Category,Consent,Consent date,Consent source
lee@valley-ortho.example,Maria,Lee,healthcare_provider,implied,2026-09-01,business card
gym@northside.example,Sam,Ortiz,private_business,implied,2026-09-01,business card
"""


@dataclass
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str

    @property
    def said(self):
        """All words, on one line, so that a test need not know where a terminal would break them."""
        return " ".join((self.out + " " + self.err).split())


@dataclass
class Clinic:
    """A workspace on disk, and the command line in it."""

    root: Path
    capsys: pytest.CaptureFixture
    monkeypatch: pytest.MonkeyPatch
    environment: dict = field(default_factory=dict)

    def run(self, *words, cwd=None):
        """Run `nurture words...` in the workspace."""
        with self.monkeypatch.context() as patch:
            patch.chdir(cwd or self.root)
            patch.setattr(sys, "argv", ["nurture", *map(str, words)])
            for name, value in self.environment.items():
                patch.setenv(name, value)
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(bool(end.code))
        captured = self.capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    def write(self, name, text):
        """Write a file of the workspace (text or bytes)."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.utime(path, (1_700_000_000, 1_700_000_000))  # long ago: no edition waits for quiet files
        return path

    def change(self, name, old, new):
        """Change words in a file; the old ones must be there."""
        text = (self.root / name).read_text(encoding="utf-8")
        assert old in text, f"{name} does not hold {old!r}"
        return self.write(name, text.replace(old, new))

    def open_all_week(self):
        """Mail may leave now, whenever the test runs: no day is closed, and the clinic is where it is about noon."""
        hours = 12 - SystemClock().now().hour
        self.change("nurture.yaml", "America/Los_Angeles", f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT")
        self.change("nurture.yaml", "limits:", 'window: {hours: {mon-sun: "07:00-21:00"}}\nlimits:')

    def import_contacts(self, text=CONTACTS):
        """Import these contacts; they must all be taken."""
        self.write("data/contacts.csv", text)
        ran = self.run("contacts", "import", "data/contacts.csv", "--yes")
        assert ran.code == 0, ran


@pytest.fixture
def clinic(tmp_path, capsys, monkeypatch):
    """A workspace as `nurture init --yes` makes it, with an empty database."""
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    clinic = Clinic(root, capsys, monkeypatch)
    assert clinic.run("db", "upgrade").code == 0
    return clinic
