"""Links in mails that leave: the same on each try, made with the key of the edition, never without one."""

import re
from pathlib import Path

import pytest

from nurture.composing.edition import prepare_edition
from nurture.composing.link_keys import add_link_key, read_link_keys
from nurture.composing.link_tokens import is_genuine, parse_token
from nurture.composing.shared import PageAddress
from nurture.errors import SecretError
from nurture.store import Store
from nurture.vocabulary import LinkPurpose
from tests.delivery.balance import assert_all_arrived_once
from tests.delivery.clinic import make_clinic
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW
from tests.servers.scripted_smtp import ScriptedSmtp, Step

PAGE = "https://mail.riverbend.example"


@pytest.fixture
def linked(sqlite_store: Store, tmp_path: Path) -> Office:
    """An office whose edition was planned with a page and its first key."""
    root = tmp_path / "clinic"
    workspace = make_clinic(root)
    key = add_link_key(root / "data", now=NOW)
    content = prepare_edition(
        workspace, "partner-news", news=(), occurrence="2026-12-01T09:30", pages=PageAddress(PAGE, key.id)
    )
    return Office(sqlite_store, root, content.to_json())


async def test_each_mail_has_its_own_link_also_after_a_rotation(linked: Office, server: ScriptedSmtp) -> None:
    linked.use(server)
    outbox = linked.outbox(recipients=3)
    add_link_key(linked.root / "data", now=NOW)
    server.on("BODY", Step("451 4.7.1 later"))
    await linked.deliver()
    linked.clock.advance(max(outbox.column("next_attempt_at")) - linked.clock.now())
    await linked.deliver()
    assert_all_arrived_once(outbox, server.mails)
    ring = read_link_keys(linked.root / "data")
    for mail in server.mails:
        (link,) = set(re.findall(rb"/u/([A-Za-z0-9_-]{32})>", mail.raw.replace(b"=\r\n", b"")))
        token = parse_token(link.decode())
        assert token is not None
        assert token.key_id == ring.keys[0].id
        place = outbox.delivery_ids.index(token.number)
        assert outbox.column("address")[place] == mail.envelope_to
        assert is_genuine(token, ring, LinkPurpose.LEAVE, outbox.column("recipient_key")[place])


async def test_without_the_keys_nothing_leaves_and_nothing_is_lost(linked: Office, server: ScriptedSmtp) -> None:
    linked.use(server)
    outbox = linked.outbox(recipients=3)
    keys = linked.root / "data" / "link.keys"
    keys.rename(keys.with_name("away"))
    with pytest.raises(SecretError, match="are missing; without them nobody can leave by a link"):
        await linked.deliver()
    assert server.mails == []
    keys.with_name("away").rename(keys)
    await linked.deliver()
    assert_all_arrived_once(outbox, server.mails)
