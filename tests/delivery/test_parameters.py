"""What stands behind MAIL and RCPT: only what the server offers, and what it needs to know."""

from copy import deepcopy

import pytest

from tests.delivery.conftest import Office
from tests.servers.scripted_smtp import ScriptedSmtp, Step

OFFERED = ("PIPELINING", "SIZE 10485760", "8BITMIME", "SMTPUTF8", "DSN")


def said(server: ScriptedSmtp, verb: str) -> list[str]:
    """The commands of one kind, as they came."""
    return [command for command in server.commands if command.startswith(verb)]


@pytest.mark.parametrize("pipelining", ["off", "auto"])
async def test_bounces_name_the_delivery_where_the_server_can_do_that(office: Office, pipelining: str) -> None:
    with ScriptedSmtp(extensions=OFFERED) as server:
        office.use(server, pipelining=pipelining)
        outbox = office.outbox(recipients=4)
        await office.deliver()
        assert outbox.states == ["sent"] * 4
        names = [message_id.strip("<>").partition("@")[0] for message_id in outbox.column("message_id")]
        assert [line.partition(" ENVID=")[2] for line in said(server, "MAIL")] == names
        assert all(" RET=HDRS " in line for line in said(server, "MAIL"))
        assert [line.partition(">")[2] for line in said(server, "RCPT")] == [
            f" NOTIFY=FAILURE,DELAY ORCPT=rfc822;{address}" for address in outbox.column("address")
        ]


async def test_a_server_without_dsn_is_asked_for_none(office: Office, server: ScriptedSmtp) -> None:
    office.use(server)
    office.outbox()
    await office.deliver()
    assert not [line for line in server.commands if "ENVID" in line or "NOTIFY" in line]


async def test_signs_in_an_address_are_written_as_rfc_3461_wants_it(office: Office) -> None:
    with ScriptedSmtp(extensions=OFFERED) as server:
        office.use(server)
        outbox = office.outbox(recipients=2)
        outbox.readdress(0, "ann+news=yes@club.example")
        outbox.readdress(1, "jürgen@club.example")
        await office.deliver()
        plus, beyond_ascii = said(server, "RCPT")
        assert plus.endswith(
            "<ann+news=yes@club.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;ann+2Bnews+3Dyes@club.example"
        )
        assert beyond_ascii.endswith("<jürgen@club.example> NOTIFY=FAILURE,DELAY")


@pytest.mark.parametrize("pipelining", ["off", "auto"])
@pytest.mark.parametrize(("verb", "refusal"), [("MAIL", "555 5.5.4 not recognized"), ("RCPT", "501 bad parameter")])
async def test_a_server_that_offers_dsn_and_cannot_do_it_gets_plain_envelopes(
    office: Office, verb: str, refusal: str, pipelining: str
) -> None:
    with ScriptedSmtp(extensions=OFFERED) as server:
        server.on(verb, Step(refusal, when="ENVID" if verb == "MAIL" else "NOTIFY", always=True))
        office.use(server, pipelining=pipelining)
        outbox = office.outbox(recipients=3)
        await office.deliver()
        assert outbox.states == ["sent"] * 3
        assert outbox.column("attempts") == [1] * 3, "that was no try"
        assert server.recipients() == outbox.column("address")
        assert len([line for line in server.commands if "ENVID" in line]) == 1, "asked once a connection"


async def test_smtputf8_is_said_for_a_header_too(office: Office) -> None:
    office.content = deepcopy(office.content)
    office.content["shared"]["sender"]["reply_to"] = "büro@riverbend.example"
    with ScriptedSmtp(extensions=OFFERED) as server:
        office.use(server)
        office.outbox()
        await office.deliver()
        (line,) = said(server, "MAIL")
        assert "SMTPUTF8" in line, "RFC 6531 3.4: the Reply-To holds letters outside ASCII"


async def test_8bitmime_is_never_needed(office: Office) -> None:
    with ScriptedSmtp(extensions=OFFERED) as server:
        office.use(server)
        outbox = office.outbox()
        outbox.rename(0, "Zoë 😀")
        await office.deliver()
        (mail,) = server.mails
        assert mail.raw.isascii(), "RFC 6152: BODY=8BITMIME is for bodies that are not 7-bit"
        assert not [line for line in server.commands if "BODY=" in line]
