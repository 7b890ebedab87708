"""Pages of a log of ten million mails."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.long_log import CAMPAIGNS, PEOPLE, write_long_log
from benchmarks.measurement import Measurement, significant
from nurture.reports.accounts import accounts
from nurture.reports.log import LogQuery, log_page
from nurture.store import Store, deliveries, uncertain
from nurture.store.accounts import state_counts
from nurture.vocabulary import WAITING_STATES, DeliveryState, Mode

PAGE = 50
_MIDDLE = datetime(2025, 6, 3, 17, 30, tzinfo=UTC)
# the campaign, and its edition, that goes to everybody; a small one; somebody with many mails
_BIG, _SMALL = "campaign-0", "campaign-7"
_BIG_EDITION, _SMALL_EDITION = f"{_BIG}@edition-{2 * CAMPAIGNS}", f"{_SMALL}@edition-{2 * CAMPAIGNS + 7}"
_FILTERS: dict[str, LogQuery] = {
    "all": LogQuery(),
    "big campaign": LogQuery(campaign=_BIG),
    "campaign": LogQuery(campaign=_SMALL),
    "big edition": LogQuery(edition=_BIG_EDITION),
    "edition": LogQuery(edition=_SMALL_EDITION),
    "contact": LogQuery(contact="person1234@partner123.example"),
    "time": LogQuery(until=_MIDDLE),
    "span": LogQuery(since=_MIDDLE, until=_MIDDLE + timedelta(days=30)),
}
_NARROWED: list[dict[str, Any]] = [
    *({"states": (state,)} for state in (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN)),
    {"states": (DeliveryState.FAILED, DeliveryState.EXPIRED)},
    {"campaign": _BIG},
    {"campaign": _SMALL},
]


def measure() -> list[Measurement]:
    """The worst first or next page of `nurture log`, each filter alone and with a campaign or a state.

    Before each run the system forgets the file, so a page comes from the disk;
    the median of three runs counts. The others: what `nurture status` counts,
    what workers ask every few seconds, and the account of an edition. Needs 20 GB
    in the folder for temporary files, for some minutes.
    """
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as folder:
        if shutil.disk_usage(folder).free < 20e9:
            sys.exit(f"{folder} has less than 20 GB left: set TMPDIR to a larger disk")
        store = write_long_log(Path(folder))
        pages = [ms for query in _queries().values() for ms in _pages(store, query)]
        others = {name: _cold(store, work) for name, work in _others(store).items()}
        big = _cold(store, lambda: accounts(store, mode=Mode.SANDBOX, edition=_BIG_EDITION))
        store.close()
    return [
        Measurement("log_page_10m_ms", significant(max(pages)), "ms", bar=100),
        Measurement("log_page_10m_median_ms", significant(statistics.median(pages)), "ms"),
        Measurement("log_other_10m_ms", significant(max(others.values())), "ms", bar=1000),
        Measurement(f"account of an edition with {PEOPLE:,} deliveries", significant(big), "ms"),
    ]


def _queries() -> dict[str, LogQuery]:
    found = dict(_FILTERS)
    for name, query in _FILTERS.items():
        given = {field: getattr(query, field) for field in ("campaign", "edition", "contact", "since", "until")}
        for more in _NARROWED:
            found[f"{name} + {more.get('campaign') or ' '.join(more['states'])}"] = LogQuery(**{**given, **more})
    return found


def _pages(store: Store, query: LogQuery) -> list[float]:
    """What the first page and the next one take, in ms."""
    after = log_page(store, query, limit=PAGE).next
    taken = [_cold(store, lambda: log_page(store, query, limit=PAGE))]
    if after is not None:
        taken.append(_cold(store, lambda: log_page(store, query, after=after, limit=PAGE)))
    return taken


def _others(store: Store) -> dict[str, Callable[[], object]]:
    def read(question: Callable[..., object], **arguments: object) -> Callable[[], object]:
        def ask() -> object:
            with store.read() as connection:
                return question(connection, mode=Mode.SANDBOX, **arguments)

        return ask

    now = datetime(2026, 9, 28, 17, tzinfo=UTC)  # the last edition is due, none is over
    return {
        "status counts": read(state_counts, states=[*WAITING_STATES, DeliveryState.UNCERTAIN]),
        "uncertain": read(uncertain.undecided_count),
        "due senders": read(deliveries.due_senders, now=now),
        "next due": read(deliveries.next_due_at, after=now),
        "upkeep": read(deliveries.upkeep_due, now=now),
        "account of an edition": lambda: accounts(store, mode=Mode.SANDBOX, edition=_SMALL_EDITION),
    }


def _cold(store: Store, work: Callable[[], object]) -> float:
    """Wall time of ``work`` in ms, the median of three; its file not in the system's cache (Linux) nor in SQLite's."""
    taken = []
    for _ in range(3):
        store.close()
        if store.path is not None and hasattr(os, "posix_fadvise"):
            with store.path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with store.read():
            pass  # a command opens its database once
        began = time.perf_counter()
        work()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)
