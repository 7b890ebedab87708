"""The file of the link keys while several processes use it."""

import os
import threading
from datetime import UTC, datetime

from nurture.composing.link_keys import add_link_key, link_key_file, read_link_keys

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)


def test_who_reads_while_the_first_key_is_made_never_sees_an_empty_file(tmp_path, monkeypatch) -> None:
    seen, to_disk = [], os.fsync

    def fsync(descriptor: int) -> None:
        seen.append(link_key_file(tmp_path).exists())
        to_disk(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    key = add_link_key(tmp_path, now=NOW)
    assert seen == [False, True], "all of it is on the disk before it has its name, and then that is, too"
    assert read_link_keys(tmp_path).keys == (key,)
    assert [path.name for path in tmp_path.iterdir()] == ["link.keys"]


def test_keys_that_are_made_at_once_all_stay(tmp_path) -> None:
    made, start = [], threading.Barrier(8)

    def add() -> None:
        start.wait(10)
        made.append(add_link_key(tmp_path, now=NOW))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 8
    assert set(read_link_keys(tmp_path).keys) == set(made)
