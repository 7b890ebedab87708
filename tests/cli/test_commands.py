"""The commands as a clinic uses them, from an empty folder to the answer why."""

import json
import re
import time
from pathlib import Path

import pytest

from nurture.service.house import open_house


@pytest.fixture
def sent(clinic):
    """A workspace whose partner news went out to two people (its window is open all week)."""
    clinic.open_all_week()
    clinic.import_contacts()
    ran = clinic.run("send", "partner-news", "--yes", "--json")
    assert ran.code == 0, ran
    clinic.edition = json.loads(ran.out)["account"]["edition"]
    return clinic


def wait_for_the_next_second():
    started = int(time.time())
    while int(time.time()) == started:
        time.sleep(0.05)


def as_json(ran):
    return json.loads(ran.out)


def test_init_makes_a_workspace_that_works(clinic, tmp_path):
    ran = clinic.run("init", tmp_path / "new", "--yes", cwd=tmp_path)
    assert ran.code == 0, ran
    root = tmp_path / "new"
    assert (root / "data").stat().st_mode & 0o777 == 0o700
    assert (root / "data" / "nurture.db").stat().st_mode & 0o777 == 0o600
    assert clinic.run("check", cwd=root).code == 0
    again = clinic.run("init", root, "--yes", cwd=tmp_path)
    assert again.code == 2
    assert "nothing was written" in again.err


def test_the_first_steps_of_the_readme_work_as_written(clinic):
    imported = clinic.run("contacts", "import", "partners", "data/sample/partners.csv", "--yes")
    assert imported.code == 0, imported
    assert "Wrote 3 new" in imported.out
    assert "partner-news@" in clinic.run("plan").said
    assert clinic.run("preview", "partner-news").code == 0
    assert "would go to dr.lee@" in clinic.run("why", "dr.lee@valley-ortho.example", "partner-news").said


def test_new_files_start_commented_and_valid(clinic):
    for words in (("campaign", "spring"), ("campaign", "once", "--broadcast"), ("segment", "gyms"), ("news", "door")):
        assert clinic.run("new", *words).code == 0
    assert clinic.run("check").code == 0
    assert clinic.run("new", "segment", "gyms").code == 2
    assert clinic.run("new", "segment", "../gyms").code == 2


def test_plan_names_who_gets_it_and_changes_nothing(clinic):
    clinic.import_contacts()
    before = (clinic.root / "data/nurture.db").read_bytes()
    ran = clinic.run("plan", "--days", "60", "--names")
    assert ran.code == 0
    assert "lee@valley-ortho.example" in ran.said
    assert (clinic.root / "data/nurture.db").read_bytes() == before


def test_preview_writes_the_mail_and_no_history(clinic):
    clinic.import_contacts()
    ran = clinic.run("preview", "partner-news", "--as", "lee@valley-ortho.example", "--json")
    assert ran.code == 0, ran
    html, text, eml = (path for path in as_json(ran)["files"])
    assert "Maria" in Path(text).read_text()
    assert b"To: Maria Lee <lee@valley-ortho.example>" in Path(eml).read_bytes()
    assert "<html" in Path(html).read_text()
    assert as_json(clinic.run("log", "--json"))["deliveries"] == []


def test_a_sent_edition_is_in_log_accounts_and_why(sent):
    rows = as_json(sent.run("log", "--json"))["deliveries"]
    assert {row["state"] for row in rows} == {"sent"}
    assert {row["address"] for row in rows} == {"lee@valley-ortho.example", "gym@northside.example"}

    shown = sent.run("log", "show", rows[0]["id"])
    assert shown.code == 0
    assert "250" in shown.said
    source = as_json(sent.run("log", "show", rows[0]["id"], "--json"))["mail"]
    kept = [path.read_bytes() for path in (sent.root / "data/sandbox/Maildir/new").iterdir()]
    assert any(mail.endswith(source.encode().replace(b"\r\n", b"\n")) or source.encode() in mail for mail in kept), (
        "what log show prints is the mail as it was sent"
    )

    accounts = sent.run("accounts", "--json")
    assert accounts.code == 0
    assert as_json(accounts)["balanced"] is True
    why = sent.run("why", "lee@valley-ortho.example", "partner-news")
    assert why.code == 0
    assert sent.edition in why.out


def test_sending_twice_mails_nobody_twice(sent):
    wait_for_the_next_second()  # a newsletter sent by hand is named after the second
    ran = sent.run("send", "partner-news", "--yes", "--json")
    assert ran.code == 0
    assert as_json(ran)["account"]["sent"] == 0
    assert len(list((sent.root / "data/sandbox/Maildir/new").iterdir())) == 2


def test_send_says_when_a_mail_that_waits_for_the_window_may_leave(clinic):
    clinic.open_all_week()
    clinic.change("nurture.yaml", "07:00-21:00", "19:00-21:00")
    clinic.import_contacts()
    ran = clinic.run("send", "partner-news", "--yes")
    assert "0 sent now, 2 wait for their time." in ran.out
    assert re.search(r"The first may leave on \w{3} \d{4}-\d\d-\d\d 19:00\.", ran.out), ran.out


def test_a_missing_mail_shows_in_the_accounts(sent):
    next((sent.root / "data/sandbox/Maildir/new").iterdir()).unlink()
    ran = sent.run("accounts")
    assert ran.code == 1
    assert "do NOT balance" in ran.said


def test_the_log_as_a_sheet_runs_no_formula(sent):
    ran = sent.run("log", "--csv", sent.root / "log.csv")
    assert ran.code == 0
    lines = (sent.root / "log.csv").read_text().splitlines()
    assert len(lines) == 3
    assert (sent.root / "log.csv").stat().st_mode & 0o777 == 0o600
    assert sent.run("log", "--csv", sent.root / "log.csv").code == 2, "never over something that is there"


def test_pause_and_resume(clinic):
    clinic.import_contacts()
    assert "Paused" in clinic.run("pause", "partner-news").out
    refused = clinic.run("send", "partner-news", "--yes")
    assert refused.code == 2
    assert "nurture resume" in refused.err
    assert clinic.run("resume", "partner-news").code == 0
    assert clinic.run("pause", "--all").code == 0
    assert clinic.run("send", "partner-news", "--yes").code == 2
    assert clinic.run("pause").code == 2
    assert "partner-news" in clinic.run("pause", "partner-nws").err


def test_cancel_and_retry_know_their_edition(sent):
    over = sent.run("cancel", sent.edition, "--yes")
    assert over.code == 2
    assert "finished" in over.err
    assert as_json(sent.run("retry", sent.edition, "--failed", "--yes", "--json"))["queued"] == 0
    assert sent.run("cancel", "partner-news@2030-01-01T00:00", "--yes").code == 2
    assert sent.run("cancel", "partner-news", "--yes").code == 2


def test_status_says_that_no_loop_runs(clinic):
    ran = clinic.run("status")
    assert ran.code == 1
    assert "nurture run" in ran.said
    assert as_json(clinic.run("status", "--json"))["trouble"] is True


def test_segments_show_rule_and_people(clinic):
    clinic.import_contacts()
    assert as_json(clinic.run("segments", "--json"))[0]["people"] == 2
    shown = clinic.run("segments", "show", "partners")
    assert "2 people" in shown.out
    assert clinic.run("segments", "show", "partnrs").code == 2


def test_news_and_campaigns_are_listed(clinic):
    assert "Hello from our clinic" in clinic.run("news").said
    assert as_json(clinic.run("campaigns", "--json"))[0]["campaign"] == "partner-news"
    assert clinic.run("news", "fetch").code == 0


def test_database_commands(clinic, tmp_path):
    assert "whole" in clinic.run("db", "check").out
    assert clinic.run("db", "backup", tmp_path / "copy.db").code == 0
    assert clinic.run("db", "backup", tmp_path / "copy.db").code == 2
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_schemas_are_written(clinic):
    assert clinic.run("schema").code == 0
    schema = json.loads((clinic.root / ".schemas/campaign.json").read_text())
    assert "properties" in schema


def test_version(clinic):
    from nurture import __version__

    assert __version__ in clinic.run("version").out
    assert __version__ in clinic.run("--version").out


def test_who_was_erased_stands_nowhere_any_more(sent):
    """Looked for in the bytes of all files, while a loop keeps the database open."""
    assert sent.run("preview", "partner-news", "--as", "lee@valley-ortho.example", "--no-open").code == 0
    (sent.root / "data/contacts.csv").unlink()  # the clinic's own file
    with open_house(sent.root):
        ran = sent.run("contacts", "erase", "lee@valley-ortho.example", "--yes")
        assert ran.code == 0, ran
        told = {
            str(path): word
            for path in (sent.root / "data").rglob("*")
            if path.is_file() and "sample" not in path.parts
            for word in (b"lee@valley-ortho.example", b"Maria")
            if word in path.read_bytes()
        }
    assert told == {}
    assert sent.run("accounts").code == 0
    mails = sorted(path.read_bytes() for path in (sent.root / "data/sandbox/Maildir/new").iterdir())
    assert b"Subject: (erased)" in mails[0]
    assert b"gym@northside.example" in mails[1]
