"""The accounts, with the sandbox's own mails as a further witness."""

from __future__ import annotations

from nurture.reports.accounts import Accounts, accounts
from nurture.sandbox.maildir import message_ids
from nurture.service.house import House
from nurture.vocabulary import Mode


def count_accounts(house: House, *, edition: str | None = None) -> Accounts:
    """Count every mail anew; in the sandbox also each file of its Maildir.

    Raises `NotFoundError` for an unknown edition.
    """
    mode = house.mode()
    return accounts(
        house.store,
        mode=mode,
        edition=edition,
        maildir_ids=(lambda: message_ids(house.maildir)) if mode is Mode.SANDBOX else None,
    )
