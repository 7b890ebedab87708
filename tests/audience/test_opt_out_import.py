"""Opt-outs of the system before, in the database: suppressed once, by the strongest reason, and nobody a contact."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from nurture.address import address_hash
from nurture.audience.address_key import load_address_key
from nurture.audience.erasing import erase_contact
from nurture.audience.imports import apply_import, diff_import, import_order
from nurture.audience.opt_out_import import Fate, OptOutChanges, import_opt_outs, judge, read_opt_out_files
from nurture.audience.opt_out_rows import STRENGTH
from nurture.audience.suppressing import suppress_by_hand
from nurture.errors import InputError
from nurture.store import Store, meta
from nurture.store.opt_outs import PastSuppression, active_suppressions
from nurture.store.schema import contact, event
from nurture.store.suppressions import SuppressionRow, lift, list_suppressions
from nurture.vocabulary import SuppressionReason, SuppressionScope
from nurture.workspace.workspace import Workspace

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
LEFT, COMPLAINED = SuppressionReason.UNSUBSCRIBED, SuppressionReason.COMPLAINED
LIST = (
    "Email,Status,Date\nKim@gym.example,unsubscribed,2024-03-12\ngone@gym.example,bounced,\nstays@gym.example,active,\n"
)


class Clinic:
    """One clinic that takes over opt-outs."""

    def __init__(self, store: Store, workspace: Workspace, folder: Path) -> None:
        self.store, self.workspace, self.folder = store, workspace, folder

    def read(self, *contents: str, now: datetime = NOW, **options: bool) -> Any:
        paths = [self.folder / f"left{number}.csv" for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            path.write_text(content)
        return read_opt_out_files(self.store, self.workspace, paths, now=now, **options)

    def take_over(self, *contents: str, now: datetime = NOW, **options: bool) -> OptOutChanges:
        return import_opt_outs(self.store, self.read(*contents, now=now, **options), now=now)

    def suppressions(self, *, lifted: bool = False) -> list[SuppressionRow]:
        with self.store.read() as connection:
            return list(list_suppressions(connection, lifted=lifted))

    def suppressed(self) -> dict[str | None, SuppressionReason]:
        return {row.shown: row.reason for row in self.suppressions()}

    def contacts(self) -> int:
        with self.store.read() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(contact)) or 0

    def bring(self, content: str) -> None:
        file = self.folder / "people.csv"
        file.write_text(content)
        order = import_order(self.workspace, file)
        apply_import(self.store, order, diff_import(self.store, self.workspace, order, now=NOW), now=NOW)

    def suppress(self, address: str, reason: SuppressionReason, now: datetime = NOW) -> None:
        suppress_by_hand(self.store, self.workspace, address=address, reason=reason, now=now)

    def come_back(self, address: str, now: datetime = NOW) -> None:
        """As a person does by the link in a mail."""
        key = address_hash(address, load_address_key(self.store, self.workspace.root / "data"))
        with self.store.write() as connection:
            assert lift(connection, SuppressionScope.ADDRESS, key, because="came back", now=now)


@pytest.fixture
def clinic(store: Store, make_workspace: Callable[..., Workspace], tmp_path: Path) -> Clinic:
    return Clinic(store, make_workspace(), tmp_path)


def test_who_left_is_suppressed_since_then_and_nobody_becomes_a_contact(clinic: Clinic) -> None:
    changes = clinic.take_over(LIST)
    assert changes == OptOutChanges(new={LEFT: 1, SuppressionReason.HARD_BOUNCED: 1})
    kim, gone = sorted(clinic.suppressions(), key=lambda row: str(row.shown))
    assert (kim.shown, kim.reason, kim.source) == ("Kim@gym.example", LEFT, "import: left0.csv")
    assert kim.created_at == datetime(2024, 3, 12, 7, tzinfo=UTC)  # midnight at the clinic
    assert (gone.shown, gone.created_at) == ("gone@gym.example", NOW)
    key = load_address_key(clinic.store, clinic.workspace.root / "data")
    assert kim.key == address_hash("kim@gym.example", key)
    assert clinic.contacts() == 0


def test_looking_first_writes_nothing(clinic: Clinic) -> None:
    assert clinic.read(LIST).changes.new == {LEFT: 1, SuppressionReason.HARD_BOUNCED: 1}
    assert clinic.suppressions() == []
    with clinic.store.read() as connection:
        assert meta.previous_list(connection) == ()


def test_a_second_import_changes_nothing(clinic: Clinic) -> None:
    clinic.take_over(LIST)
    before = clinic.suppressions()
    assert clinic.take_over(LIST, now=LATER) == OptOutChanges(known=2)
    assert clinic.suppressions() == before
    with clinic.store.read() as connection:
        (kept,) = meta.previous_list(connection)
    assert (kept.file, kept.imported_at) == ("left0.csv", NOW)
    assert kept.opt_outs == {LEFT: 1, SuppressionReason.HARD_BOUNCED: 1}


def test_all_files_or_none(clinic: Clinic) -> None:
    with pytest.raises(InputError, match=r"left1\.csv"):
        clinic.take_over(LIST, "Email,Name\na@x.example,Kim\n")
    assert clinic.suppressions() == []


def test_several_files_say_together_the_worst_and_the_latest(clinic: Clinic) -> None:
    clinic.take_over(
        "Email,Status,Date\na@x.example,bounced,2025-01-01\nb@x.example,unsubscribed,2023-01-01\n",
        "Email,Status,Date\na@x.example,spam,2020-01-01\nb@x.example,unsubscribed,2025-01-01\n",
    )
    assert clinic.suppressed() == {"a@x.example": COMPLAINED, "b@x.example": LEFT}
    years = {row.shown: row.created_at.year for row in clinic.suppressions()}
    assert years == {"a@x.example": 2020, "b@x.example": 2025}


def test_a_complaint_takes_the_place_of_less_and_nothing_takes_its_place(clinic: Clinic) -> None:
    clinic.suppress("mad@x.example", LEFT)
    assert clinic.take_over("Email,Status\nmad@x.example,complained\n", now=LATER).stronger == 1
    assert clinic.suppressed() == {"mad@x.example": COMPLAINED}
    assert clinic.take_over("Email,Status\nmad@x.example,unsubscribed\n", now=LATER) == OptOutChanges(known=1)
    assert clinic.take_over("Email,Status\nmad@x.example,active\n", now=LATER) == OptOutChanges()
    assert clinic.suppressed() == {"mad@x.example": COMPLAINED}


def test_contacts_who_left_before_get_no_mail_and_their_history_says_why(clinic: Clinic) -> None:
    clinic.bring("Email,First name\nkim@gym.example,Kim\nstays@gym.example,Sam\n")
    changes = clinic.take_over(LIST)
    assert changes.contacts == 1
    with clinic.store.read() as connection:
        rows = connection.execute(sa.select(event.c.data, event.c.at).where(event.c.kind == "suppressed")).all()
    assert [(row.data, row.at) for row in rows] == [({"reason": "unsubscribed", "source": "import: left0.csv"}, NOW)]
    assert clinic.contacts() == 2


def test_who_came_back_since_is_left_alone_but_not_after_a_complaint(clinic: Clinic) -> None:
    for name in ("kim", "mad"):
        clinic.suppress(f"{name}@gym.example", LEFT)
        clinic.come_back(f"{name}@gym.example")
    old = "Email,Status,Date\nkim@gym.example,unsubscribed,2024-03-12\nmad@gym.example,complained,2024-03-12\n"
    changes = clinic.take_over(old, now=LATER)
    assert (changes.returned, changes.new) == (1, {COMPLAINED: 1})
    assert clinic.suppressed() == {"mad@gym.example": COMPLAINED}
    # nobody knows whether this was before or after
    assert clinic.take_over("kim@gym.example\n", now=LATER).new == {LEFT: 1}


def test_an_erased_person_stays_erased(clinic: Clinic) -> None:
    clinic.bring("Email,First name\nkim@gym.example,Kim\n")
    erase_contact(clinic.store, "kim@gym.example", now=NOW)
    assert clinic.take_over("Email,Status\nkim@gym.example,complained\n", now=LATER) == OptOutChanges(known=1)
    assert clinic.suppressed() == {None: SuppressionReason.ERASED}


@pytest.mark.parametrize(
    "content", ["Email Address,MEMBER_RATING,LEID\nstays@gym.example,2,1\n", "Email,Status\na@x.example,Gold\n"]
)
def test_a_file_that_cannot_say_who_left_does_not_count_for_opt_outs_taken_over(clinic: Clinic, content: str) -> None:
    clinic.take_over(content)
    with clinic.store.read() as connection:
        assert meta.previous_list(connection) == ()


def test_many_are_taken_over_in_chunks(clinic: Clinic) -> None:
    content = "".join(f"person{number}@x.example\n" for number in range(2_501))
    assert clinic.take_over(content).new == {LEFT: 2_501}
    assert clinic.take_over(content, now=LATER).known == 2_501


def test_asking_about_a_thousand_addresses_walks_through_no_table(sqlite_store: Store) -> None:
    asked: list[tuple[str, Any]] = []
    with sqlite_store.read() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *call: asked.append((call[2], call[3])))
        active_suppressions(connection, ["a", "b"])
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[0][0]}", asked[0][1])]
    assert any("uq_suppression_active" in step for step in plan), plan
    assert not any(step.startswith("SCAN suppression") for step in plan), plan


REASONS = st.sampled_from(sorted(STRENGTH))
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))
ACTIVE = st.builds(PastSuppression, REASONS, MOMENTS, st.none())
LIFTED = st.builds(lambda reason, since: PastSuppression(reason, since, since + timedelta(days=30)), REASONS, MOMENTS)
IMPORTED = REASONS.filter(lambda reason: reason is not SuppressionReason.ERASED)


@given(IMPORTED, st.none() | MOMENTS, st.none() | ACTIVE, st.lists(LIFTED, max_size=2))
def test_what_is_decided_once_is_decided_for_good(
    reason: SuppressionReason, left_at: datetime | None, active: PastSuppression | None, lifted: list[PastSuppression]
) -> None:
    fate, since = judge(reason, left_at, active, lifted, now=NOW)
    if active is not None:
        assert since >= active.since, "a suppression never counts from an earlier day"
        assert fate in (Fate.STRONGER, Fate.KNOWN)
        assert fate is not Fate.STRONGER or STRENGTH[reason] >= STRENGTH[active.reason]
    if fate in (Fate.NEW, Fate.STRONGER):
        written = PastSuppression(reason, since, None)
        assert judge(reason, left_at, written, lifted, now=LATER) == (Fate.KNOWN, since)
    if fate is Fate.RETURNED:
        assert any(STRENGTH[one.reason] >= STRENGTH[reason] for one in lifted), "a complaint was lifted as one"
