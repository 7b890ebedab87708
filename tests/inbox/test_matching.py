"""Which of our mails an answer belongs to, on either database."""

from datetime import timedelta

import sqlalchemy as sa

from nurture.store.schema import contact, delivery, organization
from nurture.vocabulary import MatchedBy
from tests.delivery.outbox import NOW
from tests.inbox.conftest import Inbox


def add_colleagues(inbox: Inbox) -> int:
    """All people are of one practice; its number."""
    with inbox.store.write() as connection:
        added = sa.insert(organization).values(
            name="Valley", name_key="valley", attributes={}, created_at=NOW, updated_at=NOW
        )
        practice = connection.execute(added.returning(organization.c.id)).scalar_one()
        connection.execute(sa.update(contact).values(organization_id=practice))
        connection.execute(sa.update(delivery).values(organization_id=practice))
    return practice


def test_the_strongest_trace_wins(inbox: Inbox) -> None:
    found = inbox.find(inbox.address(1), message_ids=(inbox.message_id(2),), ids=(inbox.outbox.delivery_ids[2],))
    assert (found.by, found.mail.delivery_id) == (MatchedBy.SIGNED, inbox.outbox.delivery_ids[2])
    found = inbox.find(inbox.address(1), message_ids=("x@y", inbox.message_id(2)))
    assert (found.by, found.mail.delivery_id) == (MatchedBy.MESSAGE_ID, inbox.outbox.delivery_ids[1])
    found = inbox.find(inbox.address(1))
    assert (found.by, found.mail.delivery_id) == (MatchedBy.ADDRESS, inbox.outbox.delivery_ids[0])


def test_of_several_message_ids_the_first_one_of_ours_counts(inbox: Inbox) -> None:
    found = inbox.find(message_ids=("x@y", inbox.message_id(3), inbox.message_id(1)))
    assert found.mail.delivery_id == inbox.outbox.delivery_ids[2]


def test_a_bounce_may_name_our_mail_by_the_id_that_the_server_gave_it(inbox: Inbox) -> None:
    taken_as = "0100018c00000000-11111111-2222-000000"
    inbox.outbox.take_as(inbox.outbox.delivery_ids[1], taken_as)
    for named in (taken_as, f"{taken_as}@email.provider.example"):
        found = inbox.find(message_ids=("x@y", named))
        assert (found.by, found.mail.delivery_id) == (MatchedBy.RELAY_ID, inbox.outbox.delivery_ids[1])
    inbox.outbox.take_as(inbox.outbox.delivery_ids[1], "8F3A21C")
    assert inbox.find(message_ids=("8F3A21C@mx.example",)) is None, "a queue's number comes again"


def test_a_number_that_is_no_mail_of_ours_finds_nothing(inbox: Inbox) -> None:
    assert inbox.find("stranger@elsewhere.example", message_ids=("x@y",), ids=(2**40,)) is None


def test_an_address_alone_reaches_sixty_days_back(inbox: Inbox) -> None:
    inbox.outbox.set(inbox.outbox.delivery_ids[0], settled_at=NOW - timedelta(days=61))
    found = inbox.find(inbox.address(1))
    assert (found.by, found.mail) == (MatchedBy.ADDRESS, None)
    assert found.contact_id == inbox.outbox.column("contact_id")[0]


def test_a_colleague_belongs_to_the_practice(inbox: Inbox) -> None:
    practice = add_colleagues(inbox)
    answered = inbox.find("front.desk@clinic-partner.example", message_ids=(inbox.message_id(1),))
    assert (answered.contact_id, answered.organization_id) == (None, practice)
    known = inbox.find(inbox.address(2), message_ids=(inbox.message_id(1),))
    assert known.contact_id == inbox.outbox.column("contact_id")[1]
    new = inbox.find("front.desk@clinic-partner.example")
    assert (new.by, new.mail, new.contact_id, new.organization_id) == (MatchedBy.ORGANIZATION, None, None, practice)


def test_a_domain_that_all_the_world_uses_is_no_practice(inbox: Inbox) -> None:
    add_colleagues(inbox)
    with inbox.store.write() as connection:
        connection.execute(sa.update(contact).values(domain="gmail.com"))
    assert inbox.find("somebody@gmail.com") is None
