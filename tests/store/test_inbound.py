"""Mails that came in: written down once, found again, forgotten with their person."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from nurture.store import Store, inbound
from nurture.store.erasure import erase_contact
from nurture.store.inbound import Content, FolderPosition, InboundMail
from nurture.store.schema import contact
from nurture.vocabulary import MailKind, Mode

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
POSITION = FolderPosition("hello", "INBOX", 7, 12, NOW)
CONTENT = Content("lee@clinic.example", "Re: News", "1@clinic.example", "a person wrote", {"opt_out": False}, "Thanks")
MAIL = InboundMail(
    mode=Mode.LIVE,
    key="k1",
    account="hello",
    folder="INBOX",
    uid_validity=4_294_967_295,  # the largest that IMAP knows
    uid=12,
    file_name="",
    received_at=NOW,
    taken_at=NOW,
    kind=MailKind.REPLY,
    cut=False,
    content=CONTENT,
)


def test_a_mail_that_is_written_down_twice_is_there_once(open_database: Callable[[], Store]) -> None:
    other = replace(MAIL, key="k2", received_at=NOW + timedelta(hours=1), content=None)
    with open_database().write() as connection:
        assert inbound.record(connection, [MAIL]) == {"k1"}
    with open_database().write() as connection:
        assert inbound.record(connection, [MAIL, other, other]) == {"k2"}
        assert inbound.record(connection, []) == frozenset()
        assert inbound.known(connection, ["k1", "k2", "k3"]) == {"k1", "k2"}
        newest, first = inbound.latest(connection, mode=Mode.LIVE)
        assert inbound.latest(connection, mode=Mode.SANDBOX) == ()
        assert inbound.latest(connection, mode=Mode.LIVE, kind=MailKind.BOUNCE) == ()
        assert inbound.find(connection, first.id) == first
        assert inbound.find(connection, 99) is None
    assert replace(first, id=0) == MAIL
    assert replace(newest, id=0) == other


def test_a_folder_remembers_since_when_it_is_read(store: Store) -> None:
    with store.write() as connection:
        inbound.move_to(connection, POSITION)
        inbound.move_to(connection, replace(POSITION, uid_validity=8, uid=0, since=NOW + timedelta(days=1)))
        inbound.move_to(connection, replace(POSITION, folder="Junk"))
        found = inbound.positions(connection, "hello")
        assert inbound.positions(connection, "somebody else") == {}
    assert found["INBOX"] == replace(POSITION, uid_validity=8, uid=0)
    assert set(found) == {"INBOX", "Junk"}


def test_files_of_a_maildir_are_known_by_name(store: Store) -> None:
    with store.write() as connection:
        inbound.record(connection, [replace(MAIL, uid=0, file_name="1.M1P2.host")])
        names = ["1.M1P2.host", "2.M1P2.host"]
        assert inbound.known_files(connection, "hello", "INBOX", names) == {"1.M1P2.host"}
        assert inbound.known_files(connection, "hello", "Junk", names) == frozenset()


def test_with_a_person_the_words_go_and_the_counts_stay(store: Store) -> None:
    with store.write() as connection:
        numbers = [
            connection.execute(
                sa.insert(contact)
                .values(
                    address=f"{name}@clinic.example",
                    address_key=f"{name}@clinic.example",
                    address_hash=name,
                    domain="clinic.example",
                    household=False,
                    attributes={},
                    created_at=NOW,
                    updated_at=NOW,
                )
                .returning(contact.c.id)
            ).scalar_one()
            for name in ("lee", "kim")
        ]
        mails = [
            replace(MAIL, key=f"k{number}", content=replace(CONTENT, matched_by="address", contact_id=number))
            for number in numbers
        ]
        inbound.record(connection, mails)
        erase_contact(connection, numbers[0], now=NOW)
        kims, lees = sorted(inbound.latest(connection, mode=Mode.LIVE), key=lambda mail: mail.content is None)
        row = connection.execute(sa.text("SELECT * FROM inbound WHERE text IS NULL")).mappings().one()
    assert kims.content == mails[1].content
    assert (lees.kind, lees.content) == (MailKind.REPLY, None)
    assert "clinic.example" not in str(dict(row))
