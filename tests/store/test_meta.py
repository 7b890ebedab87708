import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nurture.store import Store, meta
from nurture.vocabulary import Mode, SuppressionReason

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


def test_two_that_keep_the_first_value_at_once_both_do(store: Store) -> None:
    begun = threading.Barrier(2)

    def keep(value: str) -> None:
        if store.dialect == "sqlite":
            begun.wait(10)  # there one writes at a time
        with store.write() as connection:
            assert meta.get(connection, "link_keys") in (None, "one", "two")
            if store.dialect == "postgresql":
                begun.wait(10)  # neither sees the other's
            meta.put(connection, "link_keys", value)
        done.append(value)

    done: list[str] = []
    both = [threading.Thread(target=keep, args=(value,)) for value in ("one", "two")]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(30)
    assert sorted(done) == ["one", "two"]
    with store.read() as connection:
        assert meta.get(connection, "link_keys") in ("one", "two")


def test_the_opt_outs_that_were_taken_over_are_remembered_once_each(store: Store) -> None:
    first = meta.PreviousList("left.csv", NOW, {SuppressionReason.UNSUBSCRIBED: 3})
    more = meta.PreviousList("left.csv", NOW + timedelta(days=1), {SuppressionReason.UNSUBSCRIBED: 4})
    with store.write() as connection:
        assert meta.previous_list(connection) == ()
        meta.record_previous_list(connection, [first])
        meta.record_previous_list(connection, [replace(first, imported_at=NOW + timedelta(days=1)), more])
    with store.read() as connection:
        assert meta.previous_list(connection) == (first, more)
