"""A workspace that loads, and the source that keeps it fresh."""

import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nurture.errors import FilesError
from nurture.vocabulary import Category, ConsentKind
from nurture.workspace.conditions import SegmentReference
from nurture.workspace.schedule import Monthly
from nurture.workspace.source import WorkspaceSource
from nurture.workspace.workspace import find_workspace, load_workspace

WriteWorkspace = Callable[..., Path]
CAMPAIGN = "campaigns/partner-news.yaml"


def test_a_good_workspace_is_read_completely(write_workspace: WriteWorkspace) -> None:
    root = write_workspace(
        {
            "imports/patients.yaml": "columns: {address: Email, discharged_on: Last visit}\ncategory: past_patient\n"
            "consent: {kind: written, source: form, date: 2026-11-01}\n"
        }
    )
    os.utime(root / CAMPAIGN, (1_800_000_000, 1_800_000_000))
    workspace = load_workspace(root)
    assert workspace.root == root
    assert workspace.settings.clinic.name == "Riverbend Physical Therapy"
    assert workspace.settings.default_sender == "main"
    campaign = workspace.campaigns["partner-news"]
    assert campaign.to == SegmentReference("partners")
    assert isinstance(campaign.schedule, Monthly)
    assert set(workspace.segments) == {"partners"}
    saved = workspace.imports["patients"]
    assert saved.category == (Category.PAST_PATIENT,)
    assert saved.consent is not None
    assert saved.consent.kind is ConsentKind.WRITTEN
    assert workspace.modified_at["partner-news"] == datetime.fromtimestamp(1_800_000_000, UTC)


def test_a_digest_ignores_comments_and_order_and_sees_every_value(write_workspace: WriteWorkspace) -> None:
    root = write_workspace()
    before = load_workspace(root).digests["partner-news"]
    text = (root / CAMPAIGN).read_text()
    kind, rest = text.split("\n", 1)
    (root / CAMPAIGN).write_text(f"# a comment\n\n{rest}{kind}   # another\n")
    assert load_workspace(root).digests["partner-news"] == before
    (root / CAMPAIGN).write_text(text.replace("subject: News", "subject: Newer"))
    assert load_workspace(root).digests["partner-news"] != before


def test_the_workspace_is_found_from_below(write_workspace: WriteWorkspace) -> None:
    root = write_workspace()
    assert find_workspace(root / "campaigns") == root


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(write_workspace: WriteWorkspace) -> None:
    root = write_workspace()
    text = (root / CAMPAIGN).read_text().replace("\n", "\r\n")
    (root / CAMPAIGN).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_workspace(root).campaigns["partner-news"].subject == "News"


def test_a_changed_set_is_taken_over_without_a_restart(write_workspace: WriteWorkspace) -> None:
    root = write_workspace()
    source = WorkspaceSource(root)
    first = source.current()
    assert source.current() is first
    write_workspace(edit=(CAMPAIGN, "subject: News", "subject: Other news"))
    assert source.current().campaigns["partner-news"].subject == "Other news"
    (root / CAMPAIGN).unlink()
    assert not source.current().campaigns


def test_a_broken_set_leaves_the_last_good_one_at_work_and_says_so(write_workspace: WriteWorkspace) -> None:
    root = write_workspace()
    source = WorkspaceSource(root)
    good = source.current()
    # one good and one broken change: nothing of the set is taken over
    write_workspace({"segments/new.yaml": "tag: new\n"}, edit=(CAMPAIGN, "to: partners", "to: partnerz"))
    assert source.current() is good
    assert [problem.file for problem in source.problems()] == [CAMPAIGN]
    write_workspace()
    assert set(source.current().segments) == {"partners", "new"}
    assert source.problems() == ()


def test_a_vanished_workspace_leaves_the_last_good_one_at_work(write_workspace: WriteWorkspace) -> None:
    root = write_workspace()
    source = WorkspaceSource(root)
    good = source.current()
    (root / "nurture.yaml").unlink()
    assert source.current() is good
    assert [problem.file for problem in source.problems()] == ["nurture.yaml"]


def test_the_first_set_must_be_good(write_workspace: WriteWorkspace) -> None:
    with pytest.raises(FilesError):
        WorkspaceSource(write_workspace({"nurture.yaml": "clinic: 1\n"}))


def test_threads_get_the_same_workspace(write_workspace: WriteWorkspace) -> None:
    source = WorkspaceSource(write_workspace())
    write_workspace(edit=(CAMPAIGN, "subject: News", "subject: Other"))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(source.current())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
