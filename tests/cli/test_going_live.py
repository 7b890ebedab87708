"""`nurture go-live` at the command line: it shows before it asks, and never goes live by accident."""

import json


def test_it_shows_what_stands_before_it_and_ends_with_1(clinic) -> None:
    ran = clinic.run("go-live", "--look")
    assert ran.code == 1
    assert "! nurture.yaml: clinic.phone" in ran.out
    assert "things stand before going live" in ran.out


def test_json_holds_the_same(clinic) -> None:
    ran = clinic.run("go-live", "--json")
    found = json.loads(ran.out)
    assert ran.code == 1
    assert any("test_recipients" in obstacle for obstacle in found["obstacles"])
    assert {"clinic", "reach", "coming"} <= found.keys()


def test_the_way_back_needs_a_live_clinic(clinic) -> None:
    for words in (["--yes"], []):  # and it asks nothing where there is nothing to take back
        ran = clinic.run("go-live", "--undo", *words)
        assert ran.code == 2
        assert "not live" in ran.err


def test_an_edition_that_is_not_there_cannot_be_held(clinic) -> None:
    for command in ("hold", "approve"):
        ran = clinic.run(command, "partner-news@2020-12-01T09:30")  # neither made nor still to come
        assert ran.code == 2
        assert "none of this name comes; the next of partner-news is partner-news@2026-12-01T09:30" in ran.err


def test_who_cancels_an_edition_that_is_not_made_yet_is_told_how_to_stop_it(clinic) -> None:
    found = json.loads(clinic.run("plan", "--days", "60", "--json").out)[0]["id"]
    edition = f"{found['campaign']}@{found['occurrence']}"
    ran = clinic.run("cancel", edition, "--yes")
    assert ran.code == 2
    assert f"{edition} is not made yet; nurture hold {edition} stops it before" in ran.err
