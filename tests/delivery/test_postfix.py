"""An edition to 200 contacts through a real Postfix into Maildirs: the log and the Maildirs agree."""

import shutil
import tempfile
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.store.schema import edition
from tests.delivery.conftest import Office
from tests.servers.certificates import Certificate
from tests.servers.postfix import Postfix, is_available, running_postfix

pytestmark = pytest.mark.postfix

DOMAIN = "clinic-partner.example"
FROM = "hello@riverbend.example"
PEOPLE = 200


@pytest.fixture
def postfix(certificate: Certificate) -> Iterator[Postfix]:
    """A Postfix with a mailbox for each of the 200, and none for person201."""
    if not is_available():
        pytest.skip("no Postfix, or not root: apt-get install postfix")
    # pytest's own folders are closed to the users that Postfix runs as
    folder = Path(tempfile.mkdtemp(prefix="nurture-postfix-"))
    addresses = [f"person{number}@{DOMAIN}" for number in range(1, PEOPLE + 1)] + [FROM]
    with running_postfix(folder, addresses, certificate) as running:
        yield running
    shutil.rmtree(folder)


def parsed(raw: bytes) -> EmailMessage:
    """By the standard library, strictly as far as it can tell."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert [defect for part in message.walk() for defect in part.defects] == []
    return message


def words(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return " ".join(part.get_content().split())


async def test_an_edition_to_two_hundred_people(office: Office, postfix: Postfix, certificate: Certificate) -> None:
    office.smtp = {"host": "localhost", "port": postfix.port, "tls": "starttls", "ca_file": certificate.authority}
    office.connections = 4
    outbox = office.outbox(recipients=PEOPLE)
    assert (await office.deliver()).sent == PEOPLE
    postfix.wait_for(PEOPLE)

    message_ids, dates = outbox.column("message_id"), outbox.column("message_date")
    for number, (address, message_id) in enumerate(zip(outbox.column("address"), message_ids, strict=True), 1):
        (raw,) = postfix.mails(address)
        message = parsed(raw)
        assert message["To"].addresses[0].addr_spec == address
        assert message["Delivered-To"] == address
        assert message["From"].addresses[0].addr_spec == "hello@riverbend.example"
        assert message["Subject"] == f"News for Name{number}"
        assert message["Message-ID"] == message_id
        assert message["Date"].datetime == dates[number - 1].replace(microsecond=0)
        assert message["List-Id"] == "<partner-news.riverbend.example>"
        assert message["List-Unsubscribe"].startswith("<mailto:hello@riverbend.example")
        for field in ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"):
            assert len(message.get_all(field)) == 1
        assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
        for kind in ("plain", "html"):
            assert f"Hello Name{number}, this is for {address}" in words(message, kind)
    assert len(set(message_ids)) == PEOPLE

    assert outbox.states == ["sent"] * PEOPLE
    codes = {outbox.attempts(each)[0].code for each in outbox.delivery_ids}
    assert codes == {250}
    with office.store.read() as connection:
        assert connection.execute(sa.select(edition.c.state)).scalar_one() == "finished"

    assert (await office.deliver()).sent == 0
    assert sum(len(postfix.mails(address)) for address in outbox.column("address")) == PEOPLE


async def test_a_mailbox_that_does_not_exist(office: Office, postfix: Postfix, certificate: Certificate) -> None:
    office.smtp = {"host": "localhost", "port": postfix.port, "tls": "starttls", "ca_file": certificate.authority}
    outbox = office.outbox(recipients=2, first=PEOPLE)
    await office.deliver()
    assert outbox.states == ["sent", "failed"]
    (attempt,) = outbox.attempts(outbox.delivery_ids[1])
    assert (attempt.phase, attempt.code, attempt.enhanced) == ("rcpt", 550, "5.1.1")


async def test_a_bounce_names_the_delivery(office: Office, postfix: Postfix, certificate: Certificate) -> None:
    office.smtp = {"host": "localhost", "port": postfix.port, "tls": "starttls", "ca_file": certificate.authority}
    outbox = office.outbox()
    outbox.readdress(0, f"moved@{DOMAIN}")
    await office.deliver()
    assert outbox.states == ["sent"], "it is sent back later"
    postfix.wait_for(1)
    (raw,) = postfix.mails(FROM)
    bounce = parsed(raw)
    assert bounce.get_content_type() == "multipart/report"
    status = bounce.get_payload(1)
    assert isinstance(status, EmailMessage)
    mail, recipient = status.get_payload()
    (message_id,) = outbox.column("message_id")
    assert f"<{mail['Original-Envelope-Id']}@riverbend.example>" == message_id
    assert recipient["Original-Recipient"] == f"rfc822;moved@{DOMAIN}"
    assert "this is for" not in raw.decode(), "headers only"
