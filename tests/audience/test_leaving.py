"""Leaving and coming back, decided on either database."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from nurture.audience.candidates import GivenConsent
from nurture.audience.editing import Edit, edit_contact
from nurture.audience.leaving import Choice, Standing, Way, decide, decide_topic, standing
from nurture.audience.suppressing import lift_by_hand, suppress_by_hand
from nurture.errors import InputError
from nurture.store import Store, meta
from nurture.store.leaving import LeftMail, find_mail
from nurture.store.schema import contact, suppression
from nurture.store.suppressions import suppress
from nurture.vocabulary import ConsentKind, Mode, SuppressionReason, SuppressionScope
from nurture.workspace.workspace import Workspace
from tests.audience.conftest import AddContact
from tests.delivery.outbox import NOW, Outbox, fill_outbox

NOTHING = Standing(everything=False, topic=False, may_return=False)


@pytest.fixture
def outbox(store: Store) -> Outbox:
    return fill_outbox(store, recipients=3)


def mail_of(outbox: Outbox, number: int = 0) -> LeftMail:
    with outbox.store.read() as connection:
        mail = find_mail(connection, outbox.delivery_ids[number])
    assert mail is not None
    return mail


def choose(outbox: Outbox, choice: Choice, number: int = 0) -> Standing:
    with outbox.store.write() as connection:
        mail = find_mail(connection, outbox.delivery_ids[number])
        assert mail is not None
        return decide(connection, mail, choice, way=Way.PAGE, now=NOW)


def set_by(outbox: Outbox, reason: SuppressionReason, source: str = "test", number: int = 0) -> None:
    mail = mail_of(outbox, number)
    with outbox.store.write() as connection:
        suppress(
            connection,
            SuppressionScope.ADDRESS,
            mail.recipient_key,
            shown=mail.address,
            reason=reason,
            source=source,
            now=NOW,
        )


def active(store: Store) -> list[tuple[str, str, str]]:
    with store.read() as connection:
        query = sa.select(suppression).where(suppression.c.lifted_at.is_(None)).order_by(suppression.c.id)
        return [(row.scope, row.key, row.reason) for row in connection.execute(query)]


def test_a_mail_that_is_not_there(store: Store) -> None:
    with store.read() as connection:
        assert find_mail(connection, 2**48 - 1) is None


def test_one_leaves_and_the_others_stay(outbox: Outbox) -> None:
    assert choose(outbox, Choice.EVERYTHING) == Standing(everything=True, topic=False, may_return=True)
    with outbox.store.read() as connection:
        assert standing(connection, mail_of(outbox, 1)) == NOTHING
    assert choose(outbox, Choice.RETURN) == NOTHING
    assert choose(outbox, Choice.RETURN) == NOTHING
    assert active(outbox.store) == []


@pytest.mark.parametrize(
    ("reason", "may_return", "left_as"),
    [
        (SuppressionReason.UNSUBSCRIBED, True, "unsubscribed"),
        (SuppressionReason.COMPLAINED, True, "complained"),
        (SuppressionReason.ERASED, False, "erased"),
        (SuppressionReason.MANUAL, False, "unsubscribed"),
        (SuppressionReason.HARD_BOUNCED, False, "unsubscribed"),
        (SuppressionReason.SOFT_BOUNCED, False, "unsubscribed"),
    ],
)
def test_only_what_the_person_decided_is_the_persons(
    outbox: Outbox, reason: SuppressionReason, may_return: bool, left_as: str
) -> None:
    set_by(outbox, reason)
    with outbox.store.read() as connection:
        assert standing(connection, mail_of(outbox)).may_return is may_return
    choose(outbox, Choice.RETURN)
    assert (active(outbox.store) == []) is may_return
    if not may_return:
        choose(outbox, Choice.EVERYTHING)
        assert [found for _, _, found in active(outbox.store)] == [left_as]


def test_who_has_another_address_by_now_leaves_with_both(outbox: Outbox) -> None:
    with outbox.store.write() as connection:
        which = contact.c.id == mail_of(outbox).contact_id
        connection.execute(sa.update(contact).where(which).values(address="new@x.example", address_hash="hash-new"))
    choose(outbox, Choice.EVERYTHING)
    assert {key for _, key, _ in active(outbox.store)} == {"hash-new", "hash1-clinic-partner.example"}
    assert choose(outbox, Choice.RETURN) == NOTHING


def test_who_has_the_old_mailbox_by_now_cannot_bring_the_person_back(outbox: Outbox) -> None:
    """The mailbox that somebody moved away from may be a colleague's."""
    with outbox.store.write() as connection:
        which = contact.c.id == mail_of(outbox).contact_id
        connection.execute(sa.update(contact).where(which).values(address="new@x.example", address_hash="hash-new"))
    outbox.set(outbox.delivery_ids[1], address="new@x.example", recipient_key="hash-new")
    choose(outbox, Choice.EVERYTHING, 1)
    with outbox.store.read() as connection:
        assert standing(connection, mail_of(outbox)) == Standing(everything=True, topic=False, may_return=False)
    choose(outbox, Choice.RETURN)
    assert ("address", "hash-new", "unsubscribed") in active(outbox.store)
    choose(outbox, Choice.TOPIC, 1)
    with outbox.store.write() as connection:
        assert not decide_topic(connection, mail_of(outbox), Choice.RETURN, now=NOW)
    assert choose(outbox, Choice.RETURN, 1) == NOTHING


def test_what_was_left_goes_along_to_a_new_address(store: Store, make_workspace: Callable[..., Workspace]) -> None:
    outbox, workspace = fill_outbox(store), make_workspace()
    mail = mail_of(outbox)
    choose(outbox, Choice.TOPIC)
    edit_contact(store, workspace, str(mail.contact_id), Edit(values={"address": "moved@x.example"}), now=NOW)
    present = mail_of(outbox).present_hash
    assert present != mail.recipient_key
    assert {key for _, key, _ in active(store)} == {f"{mail.recipient_key}/partner-news", f"{present}/partner-news"}
    assert choose(outbox, Choice.RETURN) == NOTHING, "it came from there"
    assert active(store) == []


def test_what_was_tried_in_the_sandbox_counts_for_nothing_when_it_is_live(store: Store) -> None:
    outbox = fill_outbox(store, recipients=3, mode=Mode.SANDBOX)
    set_by(outbox, SuppressionReason.UNSUBSCRIBED, "import: old list", number=1)
    for number in range(3):
        choose(outbox, Choice.EVERYTHING, number)
    choose(outbox, Choice.RETURN, 1)  # the clinic, which alone has this mail, cannot bring a person back by it
    assert len(active(store)) == 3
    assert choose(outbox, Choice.RETURN, 2) == NOTHING
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    assert [key for _, key, _ in active(store)] == ["hash2-clinic-partner.example"]


@pytest.mark.parametrize("reason", [SuppressionReason.MANUAL, SuppressionReason.HARD_BOUNCED])
def test_what_is_tried_in_the_sandbox_takes_no_real_suppressions_place(store: Store, reason: SuppressionReason) -> None:
    outbox = fill_outbox(store, recipients=1, mode=Mode.SANDBOX)
    set_by(outbox, reason)
    choose(outbox, Choice.EVERYTHING)
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    assert [found for _, _, found in active(store)] == [reason]


def test_who_leaves_for_real_after_a_try_has_left_for_good(store: Store) -> None:
    rehearsal = fill_outbox(store, recipients=1, mode=Mode.SANDBOX)
    choose(rehearsal, Choice.EVERYTHING)
    rehearsal.set(rehearsal.delivery_ids[0], mode=Mode.LIVE)
    choose(rehearsal, Choice.EVERYTHING)
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    assert len(active(store)) == 1


def test_the_staff_cannot_bring_back_who_left(
    store: Store, make_workspace: Callable[..., Workspace], add_person: AddContact
) -> None:
    workspace, address = make_workspace(), "home@b.example"
    with store.write() as connection:
        person = add_person(connection, address)
    suppress_by_hand(store, workspace, address=address, reason=SuppressionReason.UNSUBSCRIBED, now=NOW)

    def lift(because: str = "asked for it") -> str:
        return lift_by_hand(store, workspace, address=address, because=because, now=NOW + timedelta(days=9))

    def consent(kind: ConsentKind, days: int) -> None:
        day = NOW.date() + timedelta(days=days)
        edit = Edit(consent=GivenConsent(kind, f"form {days}", day))
        edit_contact(store, workspace, str(person), edit, now=NOW + timedelta(days=8))

    consent(ConsentKind.WRITTEN, -1)
    consent(ConsentKind.WRITTEN, 0)  # perhaps in the morning, before the person left
    consent(ConsentKind.VERBAL, 3)
    with pytest.raises(InputError, match="left on 2026-12-01; the person comes back by the link"):
        lift()
    consent(ConsentKind.WRITTEN, 3)
    assert lift() == "unsubscribed"
    suppress_by_hand(store, workspace, address=address, reason=SuppressionReason.COMPLAINED, now=NOW)
    with pytest.raises(InputError, match="complained about our mail; only the person can come back"):
        lift()
