"""A signed mail goes through a real Postfix into a Maildir: both signatures still hold there."""

import shutil
import smtplib
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest

from nurture.composing.dkim import Signer
from nurture.composing.dkim_keys import new_keys
from tests.composing.clinic import Clinic, item, recipient
from tests.servers.certificates import make_certificate
from tests.servers.postfix import is_available, running_postfix

pytestmark = [
    pytest.mark.postfix,
    pytest.mark.skipif(not is_available(), reason="no Postfix, or not root: apt-get install postfix"),
    pytest.mark.skipif(shutil.which("opendkim") is None, reason="no opendkim: apt-get install opendkim"),
]
LEE = "lee@practice.example"


def test_signatures_survive_a_server(clinic: Clinic, tmp_path: Path) -> None:
    news = (item(),)
    person = {"first_name": "Zoë", "last_name": ".", "organization": {"name": ".\n..\nFrom here on  "}}
    message = clinic.composer(news).compose(recipient(person, news))
    keys = new_keys("clinic.example", "hop")
    field = Signer(keys).sign(message.raw, at=datetime(2024, 2, 29, tzinfo=UTC))
    # pytest's own folders are closed to the users that Postfix runs as
    folder = Path(tempfile.mkdtemp(prefix="nurture-postfix-"))
    with running_postfix(folder, [LEE], make_certificate(tmp_path / "certificate")) as postfix:
        with smtplib.SMTP("127.0.0.1", postfix.port) as client:
            client.sendmail(message.envelope_from, [LEE], field + message.raw)
        postfix.wait_for(1)
        (arrived,) = postfix.mails(LEE)
    shutil.rmtree(folder)
    assert arrived.startswith(b"Return-Path: "), "the server's own fields stand above ours"

    mail = arrived.replace(b"\n", b"\r\n")  # a Maildir has the line ends of the machine
    zone = {f"{key.record.name}.".encode(): key.record.value.encode() for key in keys}
    assert [dkim.DKIM(mail).verify(index, dnsfunc=lambda name, timeout=5: zone[name]) for index in (0, 1)] == [
        True,
        True,
    ]

    (tmp_path / "mail").write_bytes(mail)
    (tmp_path / "zone").write_text("".join(f"{key.record.name} {key.record.value}\n" for key in keys))
    (tmp_path / "configuration").write_text(f"TestDNSData file:{tmp_path}/zone\n")
    command = ["opendkim", "-x", tmp_path / "configuration", "-v", "-v", "-t", tmp_path / "mail"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count("dkim=pass") == 2, done.stdout + done.stderr
