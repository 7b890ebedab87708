"""The server's own id for a mail, out of the words of its 250: as seen, and whatever else servers say."""

import time
from datetime import datetime

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.relay_ids import LONGEST, relay_id
from nurture.delivery.replies import parse_reply
from nurture.store.schema import attempt
from tests.delivery.conftest import Office
from tests.servers.scripted_smtp import ScriptedSmtp, Step

SES = "0100018c3a5f7b21-5c8e3d64-1b0a-4f3c-9a67-2f1d0c9b8a7e-000000"
SEEN = [
    ("2.0.0 Ok: queued as 4Vx1YZ2abc", "4Vx1YZ2abc"),
    ("2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 9F8E7D6C5B", "9F8E7D6C5B"),
    ("2.0.0 OK  1700000000 d2e1a72fcca58-7b1si1234567b3a.8 - gsmtp", "d2e1a72fcca58-7b1si1234567b3a.8"),
    (f"Ok {SES}", SES),
    (f"Ok <{SES}@email.amazonses.com>", f"{SES}@email.amazonses.com"),
    (f"2.0.0 Ok <{SES}@eu-west-1.amazonses.com>", f"{SES}@eu-west-1.amazonses.com"),
    (
        "2.6.0 <DM6PR01MB1@DM6PR01MB1.prod.outlook.com> [InternalId=8, Hostname=DM6PR01MB2.prod.outlook.com] "
        "17425 bytes in 0.225, 75.4 KB/sec Queued mail for delivery",
        "DM6PR01MB1@DM6PR01MB1.prod.outlook.com",
    ),
    (
        "2.0.0 OK <MN2PR01@MN2PR01.namprd01.prod.outlook.com> [Hostname=MN2PR01.namprd01.prod.outlook.com]",
        "MN2PR01@MN2PR01.namprd01.prod.outlook.com",
    ),
    ("2.6.0 [InternalId=94575592965, Hostname=x.prod.outlook.com] Queued mail for delivery", "94575592965"),
    ("OK id=1rABCD-000000-Xy", "1rABCD-000000-Xy"),
    ("2.0.0 3AQ1b2c3d4012345 Message accepted for delivery", "3AQ1b2c3d4012345"),
    ("Great success", None),
    ("2.0.0 Ok", None),
    ("Message received", None),
    ("Queued mail for delivery", None),
    ("", None),
]


@pytest.mark.parametrize(("answer", "expected"), SEEN)
def test_forms_that_were_seen(answer: str, expected: str | None) -> None:
    assert relay_id(parse_reply(250, answer).text) == expected


@given(st.text(max_size=600))
def test_whatever_a_server_says_is_no_harm(words: str) -> None:
    found = relay_id(parse_reply(250, words).text)
    assert found is None or (0 < len(found) <= LONGEST and found in words and not set(found) & set(" \r\n<>"))


@pytest.mark.parametrize("words", ["a" * 32_000, "<" * 32_000, "a-" * 16_000, "id=" * 10_000, "<a@" * 10_000])
def test_a_mean_answer_costs_no_time(words: str) -> None:
    began = time.process_time()
    relay_id(words)
    assert time.process_time() - began < 1


def ids(office: Office) -> list[str | None]:
    with office.store.read() as connection:
        return list(connection.execute(sa.select(attempt.c.relay_id).order_by(attempt.c.id)).scalars())


async def test_it_is_kept_with_the_try(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    server.on("BODY", Step("451 4.3.0 try later, queued as NOT-TAKEN"), Step(f"250 Ok {SES}"))
    office.outbox(recipients=3)
    await office.deliver()
    assert ids(office) == [None, SES, "TEST"]


async def test_a_yes_that_comes_late_has_it_too(office: Office, server: ScriptedSmtp) -> None:
    """The answer finds its try given up by others, so it is settled alone, not with a group."""

    def give_up() -> None:
        with office.store.write() as connection:
            now = datetime(2026, 12, 1, 15, 0, tzinfo=office.clock.now().tzinfo)
            connection.execute(sa.update(attempt).values(outcome="abandoned", ended_at=now))

    office.use(server)
    server.on("BODY", Step(f"250 Ok {SES}", during=give_up))
    office.outbox()
    await office.deliver()
    assert ids(office) == [SES]
