"""A mail server may answer anything: its words are kept on one clean line, and an answer is never lost for them."""

import pytest
import sqlalchemy as sa

from nurture.delivery.replies import parse_reply
from nurture.store import alerts
from nurture.store.schema import event
from tests.delivery.conftest import Office
from tests.servers.scripted_smtp import ScriptedSmtp, Step

# Latin-1, a terminal's escape sequence, NUL, a C1 control, a direction mark
HOSTILE = b"\xfcbernommen \x1b[2J\x1b]0;owned\x07 \x00 \xc2\x9b31m \xe2\x80\xae"


def everything_kept(office: Office) -> str:
    """All words of servers in the database."""
    with office.store.read() as connection:
        words = [alert.message for alert in alerts.open_alerts(connection)]
        words += [str(data) for data in connection.scalars(sa.select(event.c.data))]
        return " ".join(words)


@pytest.mark.parametrize(
    ("command", "code", "state", "keep"),
    [
        ("BODY", b"250 2.0.0 ", "sent", True),
        ("BODY", b"554 5.6.0 ", "failed", False),
        ("RCPT", b"550 5.1.1 ", "failed", False),
        ("RCPT", b"450 4.2.0 ", "queued", False),
        ("MAIL", b"530 5.7.0 ", "queued", False),
        ("CONNECT", b"554 5.7.1 ", "queued", False),
        ("EHLO", b"550 5.7.1 ", "queued", False),
    ],
)
async def test_a_hostile_answer_settles_its_mail_like_any_other(
    office: Office, server: ScriptedSmtp, command: str, code: bytes, state: str, keep: bool
) -> None:
    office.use(server)
    server.on(command, Step(code + HOSTILE + b"\r\n", keep=keep))
    outbox = office.outbox()
    await office.deliver()
    assert outbox.states == [state]
    (attempt,) = outbox.attempts(outbox.delivery_ids[0])
    assert "bernommen" in attempt.answer
    kept = attempt.answer + everything_kept(office) + str(outbox.column("reason"))
    assert kept.isprintable()


def test_an_answer_is_one_clean_line() -> None:
    said = HOSTILE.decode("utf-8", "surrogateescape")
    reply = parse_reply(550, f"5.1.1 first\x1b[31m\n5.1.1 {said}")
    assert (reply.code, reply.enhanced) == (550, "5.1.1")
    assert reply.text.isprintable()
    assert reply.text.startswith("first [31m \ufffdbernommen [2J ]0;owned")
