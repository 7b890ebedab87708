"""The journal's file: answers that survive a torn write, a damaged disk, a full journal and another version."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.journal import SLOTS, Journal, find_left
from nurture.delivery.kept import SLOT, KeptAnswer, parse
from nurture.errors import StoreError
from nurture.vocabulary import AttemptOutcome, AttemptPhase, Verdict

NOW = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
ANSWER = KeptAnswer(
    delivery_id=7,
    claim=2,
    attempt_id=31,
    outcome=AttemptOutcome.SENT,
    phase=AttemptPhase.BODY,
    verdict=Verdict.SENT,
    code=250,
    enhanced="2.0.0",
    words="taken as 4XyZ",
    at=NOW,
)
EMPTY = bytes(SLOT)


def numbered(number: int) -> KeptAnswer:
    return replace(ANSWER, attempt_id=number, delivery_id=number)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "clinic-pc-41-aa.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    made = Journal.create(path)
    yield made
    made.close()


# -- the form


@given(
    words=st.none() | st.text(max_size=3000),
    code=st.none() | st.integers(200, 599),
    verdict=st.none() | st.sampled_from(list(Verdict)),
    again_at=st.none() | st.datetimes(timezones=st.just(UTC)),
)
def test_an_answer_reads_back_and_only_its_words_may_be_cut(
    words: str | None, code: int | None, verdict: Verdict | None, again_at: datetime | None
) -> None:
    answer = replace(ANSWER, words=words, code=code, verdict=verdict, again_at=again_at)
    slot = answer.to_slot()
    assert len(slot) == SLOT
    (found,) = parse(EMPTY + slot).answers
    assert replace(found, words=None) == replace(answer, words=None)
    assert (words or "").startswith(found.words or "")
    assert len(found.words or "") >= min(len(words or ""), 100)


@given(length=st.integers(1, SLOT - 1))
def test_a_torn_answer_is_none_and_its_neighbours_are_read(length: int) -> None:
    slot = ANSWER.to_slot()
    torn = slot[:length].ljust(SLOT, b"\0")
    found = parse(numbered(1).to_slot() + torn + numbered(2).to_slot())
    kept = {answer.attempt_id for answer in found.answers}
    assert kept - {ANSWER.attempt_id} == {1, 2}
    assert (ANSWER.attempt_id in kept) == (torn == slot)
    assert found.spoiled == (torn != slot)
    assert len(parse(slot[:length]).answers) == (slot[length:].strip(b"\0") == b"")


@given(position=st.integers(0, len(ANSWER.to_slot().rstrip(b"\0")) - 1), bit=st.integers(0, 7))
def test_an_answer_with_a_flipped_bit_is_never_believed(position: int, bit: int) -> None:
    slot = bytearray(ANSWER.to_slot())
    slot[position] ^= 1 << bit
    found = parse(bytes(slot))
    assert found.answers == ()
    assert found.spoiled + found.foreign == 1


@given(st.binary(max_size=3 * SLOT))
def test_any_bytes_can_be_read(text: bytes) -> None:
    assert parse(text).answers == ()


def test_answers_of_another_version_are_told_apart_from_damage() -> None:
    later = bytearray(ANSWER.to_slot())
    later[len(b"nurture")] = 2
    found = parse(bytes(later) + ANSWER.to_slot() + b"\x07" * SLOT)
    assert (len(found.answers), found.foreign, found.spoiled) == (1, 1, 1)


# -- the file


def on_disk(journal: Journal) -> list[int]:
    return [answer.attempt_id for answer in parse(journal.path.read_bytes()).answers]


def test_the_file_is_private_and_never_needs_more_space(journal: Journal) -> None:
    before = journal.path.stat()
    assert before.st_mode & 0o777 == 0o600
    assert before.st_blocks * 512 >= before.st_size == SLOT * SLOTS
    for number in range(SLOTS):
        assert journal.keep(numbered(number))
    after = journal.path.stat()
    assert (after.st_size, after.st_blocks) == (before.st_size, before.st_blocks)
    assert sorted(on_disk(journal)) == list(range(SLOTS))


def test_a_full_journal_says_so_and_takes_more_once_something_is_written(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(SLOTS):
        journal.keep(numbered(number))
    assert not journal.keep(numbered(SLOTS))
    assert "is full" in caplog.text
    assert "only in memory" in caplog.text
    journal.clear(5)
    assert journal.keep(numbered(SLOTS))
    assert sorted(on_disk(journal)) == [number for number in range(SLOTS + 1) if number != 5]


@contextmanager
def no_file_may_grow_or_change() -> Iterator[None]:
    """The system refuses every write to a file (setrlimit(2), RLIMIT_FSIZE)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_journal_that_cannot_be_written_says_so_and_works_again_later(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    with no_file_may_grow_or_change():
        kept = journal.keep(ANSWER)
    assert not kept
    assert "cannot be written" in caplog.text
    assert on_disk(journal) == []
    assert journal.keep(ANSWER)
    with no_file_may_grow_or_change():
        journal.clear(ANSWER.attempt_id)
    assert "cannot be cleared" in caplog.text
    assert on_disk(journal) == [ANSWER.attempt_id], "it is replayed once more, which changes nothing"
    assert journal.kept == {}


def test_a_journal_that_cannot_be_made_is_an_error_with_a_way_out(path: Path) -> None:
    with no_file_may_grow_or_change(), pytest.raises(StoreError, match="no mail leaves without it"):
        Journal.create(path)
    assert not path.exists()
    Journal.create(path).close()


def test_keeping_twice_equals_once(journal: Journal) -> None:
    assert journal.keep(ANSWER)
    assert journal.keep(ANSWER)
    assert on_disk(journal) == [ANSWER.attempt_id]
    journal.clear(ANSWER.attempt_id)
    journal.clear(ANSWER.attempt_id)
    assert on_disk(journal) == []


# -- what is left by whom


def test_only_a_dead_workers_journal_is_left(path: Path, tmp_path: Path) -> None:
    own = tmp_path / "locks" / "own.journal"
    assert list(find_left(own.parent, but=own)) == []
    living = Journal.create(path)
    living.keep(ANSWER)
    assert list(find_left(own.parent, but=own)) == []
    living.close()
    (left,) = find_left(own.parent, but=own)
    assert list(find_left(own.parent, but=own)) == [], "one replays it at a time"
    assert left.owner == "clinic-pc-41-aa"
    assert left.read().answers == (ANSWER,)
    left.close(done=False)
    (left,) = find_left(own.parent, but=own)
    left.close(done=True)
    assert os.listdir(own.parent) == []


def test_a_journal_that_cannot_be_opened_is_told(path: Path, tmp_path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match=r"left answers of the mail server in .*, which cannot be opened"):
        list(find_left(path.parent, but=tmp_path / "own.journal"))


def test_a_journal_with_nothing_in_it_goes_with_its_worker(path: Path) -> None:
    journal = Journal.create(path)
    journal.keep(ANSWER)
    journal.clear(ANSWER.attempt_id)
    journal.close()
    assert not path.exists()
