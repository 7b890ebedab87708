from datetime import UTC, datetime

from nurture.store import Store, meta
from nurture.vocabulary import Mode

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def test_a_new_database_is_in_the_sandbox_and_knows_when_it_was_made(store: Store) -> None:
    with store.read() as connection:
        assert meta.get_mode(connection) is Mode.SANDBOX
        assert meta.live_since(connection) is None
        assert meta.started_at(connection) == datetime(2026, 1, 1, tzinfo=UTC)


def test_going_live_keeps_the_time(store: Store) -> None:
    with store.write() as connection:
        meta.set_mode(connection, Mode.LIVE, NOW)
    with store.read() as connection:
        assert meta.get_mode(connection) is Mode.LIVE
        assert meta.live_since(connection) == NOW


def test_a_value_takes_the_place_of_the_older_one(store: Store) -> None:
    with store.write() as connection:
        meta.put(connection, "address_key", "one")
        meta.put(connection, "address_key", "two")
    with store.read() as connection:
        assert meta.get(connection, "address_key") == "two"
        assert meta.get(connection, "nothing") is None
