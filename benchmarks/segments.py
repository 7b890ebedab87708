"""Who is meant, among a million."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from benchmarks.crowd import fill
from benchmarks.measurement import Measurement, median, peak_mb, significant
from benchmarks.processes import ROOT
from nurture.audience.segments import attributes_used, compile_condition, count
from nurture.store import Store
from nurture.store.contacts import stream_people
from nurture.store.expressions import ensure_attribute_indices
from nurture.vocabulary import Mode
from nurture.workspace.condition_parser import parse_condition
from nurture.workspace.conditions import Condition
from nurture.workspace.workspace import load_workspace

PEOPLE = 1_000_000
ATTRIBUTES = {  # by value, by number, by date
    "district is d17": {"district": "d17"},
    "size above 480": {"size": {"above": 480}},
    "met_on after 90 days ago": {"met_on": {"after": "90 days ago"}},
}
_TODAY = date(2026, 11, 30)
_NOW = datetime(2026, 11, 30, 16, tzinfo=UTC)


def measure() -> list[Measurement]:
    """One million contacts on SQLite: the sample clinic's segments, custom attributes, everybody streamed.

    The segments are the files of the sample clinic, compiled and run by the code
    that campaigns use. CPU time of the query in this process, which is where
    SQLite works; the file is in the cache, as on a machine in use. No statistics
    are gathered but those that nurture gathers itself. Some of the counts are
    compared with a plain loop in Python. ``warm-partners`` asks for history, not
    only for the fields we ship, so it has no bar.
    """
    found: list[Measurement] = []
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as folder:
        store = fill(Path(folder), PEOPLE, history=True)
        segments = load_workspace(ROOT).segments
        for name, condition in sorted(segments.items()):
            measured = _counted(store, f"count {name}", condition, segments)
            found.append(measured if name == "warm-partners" else replace(measured, bar=1.0))
        conditions = {name: parse_condition(written) for name, written in ATTRIBUTES.items()}
        with store.write() as connection:
            indexing = _cpu(lambda: ensure_attribute_indices(connection, attributes_used(conditions.values())))
        found.append(Measurement("index three custom attributes", significant(indexing), "s CPU"))
        for name, condition in conditions.items():
            found.append(replace(_counted(store, f"count {name}", condition, segments), bar=1.0))
        _check_counts(store, segments, conditions)
        found += _streamed(store)
        store.close()
    return [replace(measured, name=f"1 M contacts: {measured.name}") for measured in found]


def _counted(store: Store, name: str, condition: Condition, segments: Mapping[str, Condition]) -> Measurement:
    with store.read() as connection:
        where = _where(condition, segments)
        count(connection, where)  # fills the cache
        return median(name, [_cpu(lambda: count(connection, where)) for _ in range(5)], "s CPU")


def _where(condition: Condition, segments: Mapping[str, Condition]) -> sa.ColumnElement[bool]:
    return compile_condition(condition, segments=segments, today=_TODAY, now=_NOW, mode=Mode.SANDBOX)


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def _check_counts(store: Store, segments: Mapping[str, Condition], attributes: Mapping[str, Condition]) -> None:
    """The same rules as ``crowd`` follows, written once more."""
    people = range(1, PEOPLE + 1)
    expected = {
        segments["partners"]: sum(i * 7919 % 100 < 80 for i in people),
        segments["salem-physicians"]: sum(i * 7919 % 100 < 30 and (i // 10 + 1) % 40 < 2 for i in people),
        attributes["district is d17"]: sum(i * 15485863 % 100 == 17 for i in people),
        attributes["size above 480"]: sum(i * 32452843 % 500 > 480 for i in people),
        attributes["met_on after 90 days ago"]: sum(i * 1299709 % 1500 < 90 for i in people),
    }
    with store.read() as connection:
        for condition, right in expected.items():
            if (found := count(connection, _where(condition, segments))) != right:
                raise AssertionError(f"{condition}: {found} people, not {right}")


def _streamed(store: Store) -> list[Measurement]:
    """Everybody, with organization, categories and tags; what the last 900,000 add to the peak is growth."""
    with store.read() as connection:
        began = time.process_time()
        people = stream_people(connection, sa.true())
        streamed = sum(1 for _ in islice(people, 100_000))
        early = peak_mb()
        streamed += sum(1 for _ in people)
        cpu = time.process_time() - began
    if streamed != PEOPLE:
        raise AssertionError(f"{streamed} people streamed, not {PEOPLE}")
    return [
        Measurement("stream all, memory that the last 900,000 add", significant(peak_mb() - early), "MB RSS", bar=5),
        Measurement("stream all, each", significant(cpu / PEOPLE * 1e6), "µs CPU"),
    ]
