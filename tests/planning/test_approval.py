"""Who must say a word, for which content it counts, and when the owner is shown an edition: decisions alone."""

from datetime import UTC, datetime, timedelta

import pytest

from nurture.planning.approval import QUIET, Said, notice_due, pause_after, shown_digest, why_held
from nurture.vocabulary import WAITS_FOR_APPROVAL, Mode
from nurture.workspace.notices import Approve

NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FIRST, ALWAYS, NEVER = Approve
CONTENT = {
    "version": 1,
    "shared": {"clinic": {"name": "A"}, "pages": {"url": "https://a.example", "key": "1"}},
    "texts": {"subject": {"source": "Hello", "file": "campaigns/a.yaml", "origins": [[1, "campaigns/a.yaml", 7]]}},
    "news": {"file:a": {"title": "Pool"}},
    "images": {},
}


@pytest.mark.parametrize(
    ("rule", "said", "held"),
    [
        (FIRST, Said(), WAITS_FOR_APPROVAL),
        (FIRST, Said(approved_by="maya"), None),
        (FIRST, Said(let_go_before=True), None),
        (ALWAYS, Said(), WAITS_FOR_APPROVAL),
        (ALWAYS, Said(let_go_before=True), WAITS_FOR_APPROVAL),
        (ALWAYS, Said(approved_by="maya", let_go_before=True), None),
        (NEVER, Said(), None),
        # whoever held it is asked, whatever the rule says and whoever approved it before
        (NEVER, Said(held_by="rosa"), "by rosa"),
        (ALWAYS, Said(approved_by="maya", held_by="rosa"), "by rosa"),
    ],
)
def test_what_keeps_a_live_edition_back(rule: Approve, said: Said, held: str | None) -> None:
    assert why_held(rule, said, mode=Mode.LIVE) == held


@pytest.mark.parametrize("rule", list(Approve))
def test_in_the_sandbox_only_a_hand_holds(rule: Approve) -> None:
    assert why_held(rule, Said(), mode=Mode.SANDBOX) is None
    assert why_held(rule, Said(held_by="rosa"), mode=Mode.SANDBOX) == "by rosa"


@pytest.mark.parametrize(
    ("more", "due"),
    [
        ({}, True),  # the first notice of an edition goes at once
        ({"sent_at": NOW}, False),
        ({"next_try_at": NOW + SECOND}, False),  # a try is under way, or failed
        ({"next_try_at": NOW}, True),
        ({"shown_before": True}, False),  # changed just now: not a mail for each save
        ({"shown_before": True, "seen_at": NOW - QUIET + SECOND}, False),
        ({"shown_before": True, "seen_at": NOW - QUIET}, True),
        ({"shown_before": True, "made": True}, True),  # it changes no more
        ({"sent_at": NOW, "made": True}, False),
    ],
)
def test_when_the_owner_is_shown_an_edition(more: dict, due: bool) -> None:
    known = {"seen_at": NOW, "sent_at": None, "next_try_at": None, "shown_before": False, "made": False}
    assert notice_due(now=NOW, **known | more) is due


def test_pauses_grow_to_an_hour() -> None:
    assert [pause_after(tries) / MINUTE for tries in (1, 2, 3, 4, 5, 60)] == [5, 10, 20, 40, 60, 60]


def changed(**parts: object) -> str:
    return shown_digest(CONTENT | parts, rule="category is school")


@pytest.mark.parametrize(
    "other",
    [
        changed(texts={"subject": CONTENT["texts"]["subject"] | {"source": "Hallo"}}),
        changed(texts=CONTENT["texts"] | {"preheader": CONTENT["texts"]["subject"]}),
        changed(news={"file:a": {"title": "Pool closed"}}),
        changed(news={}),
        changed(images={"cid:a": {"data": "AA=="}}),
        changed(shared=CONTENT["shared"] | {"clinic": {"name": "B"}}),
        changed(shared=CONTENT["shared"] | {"pages": {"url": "https://b.example", "key": "1"}}),
        shown_digest(CONTENT, rule="category is school or sports_club"),
    ],
)
def test_what_readers_get_and_who_they_are_make_a_content(other: str) -> None:
    assert other != changed()


def test_a_moved_line_a_new_key_and_pages_that_were_out_of_reach_do_not() -> None:
    moved = CONTENT["texts"]["subject"] | {"origins": [[1, "campaigns/a.yaml", 9]], "file": "campaigns/a.yaml"}
    turned = CONTENT["shared"] | {"pages": {"url": "https://a.example", "key": "2", "tracking": {}}}
    assert changed(texts={"subject": moved}, shared=turned, targets=["https://riverbend.example"]) == changed()
