"""What must hold after every fault: the accounts balance, also against the mails that a server took."""

from collections.abc import Iterable
from email import message_from_bytes

import sqlalchemy as sa

from nurture.reports.accounts import accounts
from nurture.store import Store
from nurture.store.schema import contact, suppression
from nurture.vocabulary import Mode
from tests.delivery.outbox import Outbox
from tests.servers.scripted_smtp import Mail


def assert_balanced(store: Store, mails: Iterable[Mail]) -> None:
    """Every planned mail is where the log says, and no server has one more or less than that."""
    ids = [str(message_from_bytes(mail.raw)["Message-ID"]) for mail in mails]
    counted = accounts(store, mode=Mode.LIVE, maildir_ids=lambda: ids)
    assert counted.problems == ()
    assert [edition.problems for edition in counted.editions] == [()] * len(counted.editions)
    assert len(ids) == len(set(ids)), "a mail was taken twice"


def assert_all_arrived_once(outbox: Outbox, mails: Iterable[Mail]) -> None:
    """Everybody got the mail, and the log says so."""
    taken = list(mails)
    assert outbox.states == ["sent"] * len(outbox.delivery_ids)
    assert sorted(mail.envelope_to for mail in taken) == sorted(outbox.column("address"))
    assert_balanced(outbox.store, taken)


def people(store: Store) -> list[tuple]:
    """All that is known about contacts, and who is suppressed: what a fault of ours must not touch."""
    with store.read() as connection:
        return [tuple(row) for table in (contact, suppression) for row in connection.execute(sa.select(table))]
