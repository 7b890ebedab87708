"""Opens and clicks over real sockets: from a mail that left to the log, and everything that strangers try."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import sqlalchemy as sa

from nurture.audience.erasing import erase_contact
from nurture.composing.edition import prepare_edition
from nurture.composing.link_keys import add_link_key, read_link_keys
from nurture.composing.link_tokens import LinkKey, make_token
from nurture.composing.shared import PageAddress
from nurture.composing.tracking import TrackingRules
from nurture.store import Store, meta
from nurture.store.schema import contact, event
from nurture.vocabulary import LinkPurpose, Mode
from nurture.web import noting
from nurture.web.following import PIXEL
from nurture.web.readers import ReaderPages
from nurture.web.server import serve
from nurture.workspace.workspace import load_workspace
from tests.delivery.clinic import make_clinic
from tests.delivery.conftest import Office
from tests.delivery.outbox import NOW, Outbox
from tests.servers.ready import wait_until
from tests.servers.scripted_smtp import ScriptedSmtp
from tests.web.conftest import Answer, Desk

PAGE = "https://mail.riverbend.example"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
TEMPLATE = """\
<mjml>
  <mj-body>
    <mj-section><mj-column>
      <mj-text>Hello {{ contact.greeting }}: <a href="https://riverbend.example/a?b=1&amp;c=2">one</a>,
        <a href="{{ values.two }}">two</a>, <a href="https://riverbend.example/three">three</a>,
        <a href="https://maps.example/?q={{ contact.first_name | default('') }}">yours</a>,
        <a href="mailto:hello@riverbend.example">write</a>, <a href="tel:5550140">call</a>.</mj-text>
      <mj-text>{{ clinic.name }}, {{ clinic.address.line }}, {{ clinic.phone }}. Reply STOP, or
        <a href="{{ links.unsubscribe }}">leave</a>.</mj-text>
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""


class Mailed:
    """Mails that left, and the pages that they lead to."""

    def __init__(self, desk: Desk, outbox: Outbox, mails: list[bytes]) -> None:
        self.desk, self.outbox, self.store = desk, outbox, desk.store
        self.bodies = [
            message_from_bytes(raw, policy=policy.default).get_body(("html",)).get_content()  # type: ignore[union-attr]
            for raw in mails
        ]
        self.desk.clock.advance(timedelta(minutes=5))

    def pixel(self, number: int = 0) -> str:
        (found,) = re.findall(rf'<img src="{PAGE}(/[oe]/[^"]+)"', self.bodies[number])
        return found

    def links(self, number: int = 0) -> list[str]:
        """The wrapped ones, as they stand in the mail; the first three are for people, the last for nobody."""
        return re.findall(rf'<a href="{PAGE}(/c/[^"]+)"', self.bodies[number])

    def get(self, path: str, method: str = "GET", agent: str = CHROME, **headers: str) -> Answer:
        return self.desk.ask(path, method, User_Agent=agent, **headers)

    def noted(self) -> list[tuple[str, int | None, str]]:
        """What the log has when all is written: kind, link, visitor."""
        self.desk.stop()
        return [(row.kind, row.data.get("link"), row.data["visitor"]) for row in self.rows()]

    def rows(self) -> list:
        with self.store.read() as connection:
            kinds = event.c.kind.in_(["opened", "clicked"])
            return list(connection.execute(sa.select(event).where(kinds).order_by(event.c.at, event.c.id)))


@pytest.fixture
async def mailed(store: Store, tmp_path: Path) -> AsyncIterator[Mailed]:
    made = await send(store, tmp_path / "clinic")
    yield made
    made.desk.stop()


async def send(store: Store, root: Path, *, categories: tuple[str, ...] = (), patients: str = "none") -> Mailed:
    make_clinic(root)
    (root / "templates/emails/plain.mjml").write_text(TEMPLATE)
    campaign = root / "campaigns/partner-news.yaml"
    text = campaign.read_text().replace("{{ contact.first_name }}", "{{ contact.greeting }}")
    campaign.write_text(text + "values: {two: 'https://partner.example/two'}\n")
    workspace = load_workspace(root)
    key = add_link_key(root / "data", now=NOW)
    pages = PageAddress(PAGE, key.id, TrackingRules(True, patients, "US"))
    content = prepare_edition(workspace, "partner-news", news=(), occurrence="2026-12-01T09:30", pages=pages)
    office = Office(store, root, content.to_json())
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    with ScriptedSmtp() as server:
        office.use(server)
        outbox = office.outbox(recipients=3)
        with store.write() as connection:
            for contact_id in outbox.column("contact_id")[:1]:
                for category in categories:
                    statement = "INSERT INTO contact_category (contact_id, category) VALUES (:id, :category)"
                    connection.execute(sa.text(statement), {"id": contact_id, "category": category})
        await office.deliver()
        mails = [mail.raw for mail in sorted(server.mails, key=lambda mail: mail.envelope_to)]
    settings = load_workspace(root).settings
    pages_app = ReaderPages(store, root / "data", lambda: settings, office.clock)
    served = serve(pages_app, host="127.0.0.1", port=0, brief=pages_app.brief)
    desk = Desk(store, root / "data", outbox, served, office.clock, pages_app)
    return Mailed(desk, outbox, mails)


async def test_an_open_and_a_click_from_the_mail_to_the_log(mailed: Mailed) -> None:
    body = mailed.bodies[0]
    assert 'href="https://maps.example/?q=Name1"' in body  # holds something of the reader's
    assert 'href="mailto:hello@riverbend.example"' in body
    assert len(mailed.links()) == 4
    assert "nurture-click-token" not in body
    answer = mailed.get(mailed.pixel())
    assert (answer.status, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.body.startswith("GIF89a")
    assert answer.headers["cache-control"] == "no-store, private"
    went = [mailed.get(link) for link in mailed.links()[:2]]
    assert [answer.status for answer in went] == [302, 302]
    assert [answer.headers["location"] for answer in went] == [
        "https://riverbend.example/a?b=1&c=2",
        "https://partner.example/two",
    ]
    assert all(answer.headers["referrer-policy"] == "no-referrer" for answer in went)
    assert all("set-cookie" not in answer.headers for answer in went)
    assert mailed.noted() == [("opened", None, "person"), ("clicked", 3, "person"), ("clicked", 1, "person")]
    first = mailed.rows()[0]
    assert (first.delivery_id, first.data["after"], first.data["program"]) == (
        mailed.outbox.delivery_ids[0],
        300,
        "Chrome",
    )


async def test_the_first_touch_counts_however_often_it_comes(mailed: Mailed) -> None:
    for _ in range(20):
        mailed.get(mailed.pixel())
        mailed.get(mailed.links()[0])
        mailed.desk.clock.advance(timedelta(minutes=1))
    assert sorted(kind for kind, _, _ in mailed.noted()) == ["clicked", "opened"]
    assert {row.at for row in mailed.rows()} == {NOW + timedelta(minutes=5)}


async def test_a_scanner_that_looks_first_does_not_hide_the_person_who_comes_later(mailed: Mailed) -> None:
    for link in mailed.links()[:3]:
        mailed.get(link)
    mailed.desk.clock.advance(timedelta(hours=1))
    mailed.get(mailed.links()[1])
    noted = mailed.noted()
    assert [visitor for _, _, visitor in noted] == ["scanner", "scanner", "scanner", "person"]


async def test_who_follows_the_hidden_link_is_no_person_and_neither_is_what_came_with_it(mailed: Mailed) -> None:
    assert mailed.get(mailed.links()[0]).status == 302
    assert mailed.get(mailed.links()[-1]).status == 302
    assert [visitor for _, _, visitor in mailed.noted()] == ["scanner", "scanner"]


@pytest.mark.parametrize(
    ("agent", "method", "visitor"),
    [(GMAIL, "GET", "mail_proxy"), ("Mozilla/5.0", "GET", "privacy_relay"), (CHROME, "HEAD", "scanner")],
)
async def test_an_open_says_who_it_was(mailed: Mailed, agent: str, method: str, visitor: str) -> None:
    assert mailed.get(mailed.pixel(), method, agent).status == 200
    assert mailed.noted() == [("opened", None, visitor)]


async def test_the_address_of_a_visitor_is_stored_as_a_network_only(mailed: Mailed) -> None:
    mailed.get(mailed.pixel(0), X_Forwarded_For="198.51.100.9, 203.0.113.77")
    mailed.get(mailed.pixel(1), X_Forwarded_For="2001:db8:1:2:3:4:5:6")
    mailed.noted()
    assert [row.data["network"] for row in mailed.rows()] == ["203.0.113.0/24", "2001:db8:1::/48"]
    assert "203.0.113.77" not in str(mailed.rows())


async def test_past_patients_have_no_pixel_of_their_own(store: Store, tmp_path: Path) -> None:
    mailed = await send(store, tmp_path / "clinic", categories=("past_patient",))
    assert "<img" not in mailed.bodies[0]
    assert mailed.links(0) == []
    assert 'href="https://riverbend.example/three"' in mailed.bodies[0]
    assert len(mailed.links(1)) == 4  # a partner of the same edition


async def test_past_patients_may_share_one_pixel_that_names_nobody(store: Store, tmp_path: Path) -> None:
    mailed = await send(store, tmp_path / "clinic", categories=("past_patient",), patients="edition")
    assert mailed.links(0) == []
    assert mailed.pixel(0).startswith("/e/")
    for _ in range(3):
        mailed.get(mailed.pixel(0), X_Forwarded_For="203.0.113.77")
    mailed.get(mailed.pixel(0), X_Forwarded_For="198.51.100.1")
    assert mailed.noted() == [("opened", None, "person")] * 2
    for row in mailed.rows():
        assert (row.delivery_id, row.contact_id) == (None, None)
        assert set(row.data) == {"visitor", "why", "sure"}


async def test_a_shared_pixel_cannot_fill_the_disk(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noting, "MOST_OF_EDITION", 5)
    monkeypatch.setattr(noting, "_COUNT_AFTER", 2)
    mailed = await send(store, tmp_path / "clinic", categories=("past_patient",), patients="edition")
    for number in range(12):
        assert mailed.get(mailed.pixel(0), agent=f"Mozilla/5.0 {number}").status == 200
        wait_until(lambda seen=number + 1: len(mailed.rows()) >= min(seen, 5), "it is not noted")
    assert len(mailed.noted()) == 5


async def test_who_was_erased_or_said_no_is_led_on_and_not_noted(mailed: Mailed) -> None:
    erase_contact(mailed.store, "person1@clinic-partner.example", now=NOW)
    with mailed.store.write() as connection:
        connection.execute(
            sa.update(contact).where(contact.c.address == "person2@clinic-partner.example").values(may_track=False)
        )
    for number in (0, 1):
        assert mailed.get(mailed.links(number)[0]).status == 302
        mailed.get(mailed.pixel(number))
    assert mailed.noted() == []


async def test_nothing_in_a_link_says_where_it_leads(mailed: Mailed) -> None:
    (link, *_) = mailed.links()
    token = link.split("/")[2]
    key = read_link_keys(mailed.desk.data).newest
    number, recipient = mailed.outbox.delivery_ids[0], mailed.outbox.column("recipient_key")[0]
    stranger = LinkKey("0000", bytes(32))
    paths = [
        f"/c/{token}",
        f"/c/{token}/",
        f"/c/{token}/99",
        f"/c/{token}/-1",
        f"/c/{token}/00000001",
        f"/c/{token}/%D9%A1",  # a digit, but not of ASCII
        f"/c/{token}/https:%2f%2fevil.example",
        f"/c/{token}/1/https://evil.example",
        f"/c/{token}//evil.example",
        f"/c/{token}/1%0d%0aLocation:%20https:%2f%2fevil.example",
        f"/c/{make_token(stranger, LinkPurpose.CLICK, number, recipient)}/1",
        f"/c/{make_token(key, LinkPurpose.LEAVE, number, recipient)}/1",
        f"/c/{make_token(key, LinkPurpose.CLICK, number + 1, recipient)}/1",
        f"/c/{make_token(key, LinkPurpose.CLICK, 2**40, '')}/1",
        f"/c/{'A' * 32}/1",
        f"/u/{token}",
        "/nowhere",
    ]
    answers = set()
    for path in paths:
        answer = mailed.get(path)
        answer.headers.pop("date")
        answers.add((answer.status, answer.body, tuple(answer.headers.items())))
    assert len(answers) == 1
    assert answers.pop()[0] == 404
    asked = mailed.get(f"{link}?url=https://evil.example&dest=//evil.example")
    assert asked.headers["location"] == "https://riverbend.example/a?b=1&c=2"
    assert [link for _, link, _ in mailed.noted()] == [3]


async def test_every_pixel_looks_the_same_and_only_genuine_ones_count(mailed: Mailed) -> None:
    genuine = mailed.pixel()
    token = genuine.split("/")[2].removesuffix(".gif")
    answers = set()
    for path in (genuine, f"/o/{token[:-1]}A.gif", "/o/x.gif", "/o/", f"/e/{token}.gif", f"/o/{'A' * 32}"):
        for method in ("GET", "HEAD"):
            answer = mailed.get(path, method)
            answer.headers.pop("date")
            assert answer.headers.pop("content-length") == str(len(PIXEL))
            answers.add((answer.status, tuple(answer.headers.items())))
    assert len(answers) == 1
    assert {kind for kind, _, _ in mailed.noted()} == {"opened"}
    assert len(mailed.rows()) == 2  # GET as a person, HEAD as no person would


async def test_a_storm_of_looks_unsubscribes_nobody_and_posts_follow_nothing(mailed: Mailed) -> None:
    paths = [mailed.pixel(), *mailed.links()]
    for path in paths * 3:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
            mailed.get(path, method)
    for path in paths:
        assert mailed.desk.ask(path, "POST", b"List-Unsubscribe=One-Click").status == 404
    assert mailed.desk.left() == []
    assert set(mailed.outbox.states) == {"sent"}


async def test_a_visit_before_the_mail_is_settled_was_no_person(mailed: Mailed) -> None:
    mailed.outbox.set(mailed.outbox.delivery_ids[0], state="sending", settled_at=None, marked_at=None)
    mailed.get(mailed.links()[0])
    assert mailed.noted() == [("clicked", 3, "scanner")]
