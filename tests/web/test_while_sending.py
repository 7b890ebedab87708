"""The whole way: a link that stands in a mail stops the next one, while the queue runs."""

import re
from email import message_from_bytes, policy
from pathlib import Path

import sqlalchemy as sa

from nurture.composing.edition import prepare_edition
from nurture.composing.link_keys import add_link_key
from nurture.composing.shared import PageAddress
from nurture.store import Store
from nurture.store.schema import delivery, edition, edition_content
from nurture.web.readers import ReaderPages
from nurture.web.server import serve
from tests.delivery.balance import assert_balanced
from tests.delivery.clinic import make_clinic
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW, Outbox
from tests.servers.scripted_smtp import ScriptedSmtp, Step
from tests.web.conftest import FORM, ONE_CLICK, Desk

PAGE = "https://mail.riverbend.example"
LINK = re.compile(rf"<{PAGE}(/u/([A-Za-z0-9_-]{{32}}))>,\s+<mailto:hello@riverbend.example\?subject=STOP%20\2>")


def link_in(raw: bytes) -> str:
    mail = message_from_bytes(raw, policy=policy.default)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = LINK.fullmatch(mail["List-Unsubscribe"])
    assert found is not None
    return found[1]


def second_edition(outbox: Outbox, content: dict) -> Outbox:
    """Another edition of the same topic to the same people, queued."""
    with outbox.store.write() as connection:
        connection.execute(sa.insert(edition_content).values(digest="second", content=content, created_at=NOW))
        first = dict(connection.execute(sa.select(edition).where(edition.c.id == outbox.edition_id)).mappings().one())
        first |= {"occurrence": "2027-01-05T09:30", "content_digest": "second", "state": "ready", "finished_at": None}
        del first["id"]
        edition_id = connection.execute(sa.insert(edition).values(first).returning(edition.c.id)).scalar_one()
        kept = ("mode", "campaign", "contact_id", "recipient_key", "address", "domain", "variant", "consent_mask")
        kept += ("not_before", "not_after", "created_at")
        rows = connection.execute(sa.select(delivery).order_by(delivery.c.id)).mappings().all()
        ids = [
            connection.execute(
                sa.insert(delivery)
                .values({name: row[name] for name in kept})
                .values(edition_id=edition_id, state="queued", next_attempt_at=NOW)
                .returning(delivery.c.id)
            ).scalar_one()
            for row in rows
        ]
    return Outbox(outbox.store, edition_id, ids)


async def test_who_posts_the_link_of_one_mail_gets_no_other(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "clinic"
    workspace = make_clinic(root)
    key = add_link_key(root / "data", now=NOW)
    pages_at = PageAddress(PAGE, key.id)
    first, second = (
        prepare_edition(workspace, "partner-news", news=(), occurrence=day, pages=pages_at).to_json()
        for day in ("2026-12-01T09:30", "2027-01-05T09:30")
    )
    office = Office(store, root, first)
    readers = ReaderPages(store, root / "data", lambda: workspace.settings, office.clock)
    pages = serve(readers, host="127.0.0.1", port=0)
    with ScriptedSmtp() as server:
        office.use(server)
        outbox = office.outbox(recipients=4)
        await office.deliver()
        links = [link_in(mail.raw) for mail in server.mails]
        assert len(set(links)) == 4
        desk = Desk(store, root / "data", outbox, pages, office.clock, readers)
        again = second_edition(outbox, second)

        def leave_now() -> None:
            answer = desk.ask(links[2], "POST", ONE_CLICK, Content_Type=FORM)
            assert answer.status == 200

        server.on("RCPT", Step("250 2.1.5 ok", during=leave_now, when="person3@clinic-partner.example"))
        await office.deliver()
    desk.stop()
    assert again.states == ["sent", "sent", "skipped", "sent"]
    assert again.column("reason")[2] == "suppressed"
    assert [kind for kind in outbox.events(outbox.delivery_ids[2]) if kind != "sent"] == ["unsubscribed"]
    assert_balanced(store, server.mails)
