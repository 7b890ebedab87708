"""Fixtures for delivery: an outbox in the database."""

import pytest

from nurture.store import Store
from tests.delivery.outbox import MakeOutbox, fill_outbox


@pytest.fixture
def make_outbox(store: Store) -> MakeOutbox:
    """`fill_outbox` in the test's database (SQLite, then PostgreSQL)."""
    return lambda **more: fill_outbox(store, **more)
