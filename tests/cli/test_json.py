"""Every command can speak to a program: JSON on standard output, and nothing else there."""

import json
import os
import select
import signal
import subprocess
import sys
from datetime import datetime

import pytest
import typer.main

from nurture.cli.app import app


def commands(command, path=()):
    """All commands of the tree that do something, with their words."""
    if getattr(command, "commands", None):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
    if path and (not getattr(command, "commands", None) or command.invoke_without_command):
        yield " ".join(path), command


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("words", ALL)
def test_every_command_has_it(words):
    assert any("--json" in option.opts for option in ALL[words].params), f"nurture {words} --json"


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("init new-clinic --yes", {"workspace", "files"}),
        ("new campaign spring", {"file"}),
        ("new segment gyms", {"file"}),
        ("new news door", {"file"}),
        ("schema", {"files"}),
        ("check", {"problems", "warnings", "campaigns"}),
        ("plan", None),
        ("preview partner-news", {"subject", "files"}),
        ("send partner-news --yes", {"account", "by_loop"}),
        ("pause partner-news", {"paused", "changed"}),
        ("resume partner-news", {"resumed", "changed"}),
        ("status", {"trouble", "status"}),
        ("doctor --zone-file data/empty.zone", {"checks", "failed"}),
        ("log", {"deliveries"}),
        ("log --csv log.csv", {"deliveries", "file"}),
        ("accounts", {"balanced", "accounts"}),
        ("why gym@northside.example partner-news", {"answer", "people"}),
        ("contacts list", None),
        ("contacts show gym@northside.example", {"person", "consents"}),
        ("contacts add new@gym.example --category private_business", {"id", "address"}),
        ("contacts edit gym@northside.example --set first_name=Kim", {"id", "address"}),
        ("contacts tag gym@northside.example --add vip", {"contacts"}),
        ("contacts suppress gym@northside.example", {"suppressed", "changed"}),
        ("contacts suppressed", None),
        ("contacts export all.csv", {"contacts", "file"}),
        ("contacts import partners data/sample/partners.csv --yes", {"diff", "written"}),
        ("contacts erase gym@northside.example --yes", {"contact_id"}),
        ("segments", None),
        ("segments show partners", {"segment", "people", "rule"}),
        ("campaigns", None),
        ("news", {"rows", "feeds"}),
        ("news fetch", {"results"}),
        ("sandbox path", {"maildir"}),
        ("db upgrade", {"database"}),
        ("db check", {"database", "problems"}),
        ("db backup copy.db", {"database", "file"}),
        ("version", {"version"}),
        ("demo --days 2", {"imports", "plan", "moments", "log", "balanced", "accounts"}),
    ],
)
def test_it_prints_nothing_but_json(clinic, words, keys):
    clinic.import_contacts()
    clinic.write("data/empty.zone", "; nothing is known\n")
    ran = clinic.run(*words.split(), "--json")
    assert ran.code == (1 if words == "status" else 0), ran
    found = json.loads(ran.out)
    assert isinstance(found, list) if keys is None else keys <= set(found)


def test_brakes_of_an_edition_speak_it_too(clinic):
    clinic.import_contacts()
    clinic.change("nurture.yaml", "limits:", 'window: {hours: {sun: "07:00-07:10"}}\nlimits:')
    account = json.loads(clinic.run("send", "partner-news", "--yes", "--json").out)["account"]
    canceled = json.loads(clinic.run("cancel", account["edition"], "--yes", "--json").out)
    assert canceled == {"edition": account["edition"], "canceled": account["waiting"]}
    assert json.loads(clinic.run("retry", account["edition"], "--failed", "--yes", "--json").out)["queued"] == 0
    shown = json.loads(clinic.run("log", "--json").out)["deliveries"]
    assert json.loads(clinic.run("log", "show", shown[0]["id"], "--json").out)["history"]["delivery"]["state"]


@pytest.mark.parametrize("words", ["run", "sandbox"])
def test_what_goes_on_and_on_prints_a_line_for_each_thing(clinic, words):
    process = subprocess.Popen(
        [sys.executable, "-m", "nurture", words, "--json"],
        cwd=clinic.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )
    try:
        lines = [json.loads(process.stdout.readline())]
        assert lines[0]["inbox"].startswith("http://127.0.0.1:")
        if words == "run":
            lines.append(json.loads(process.stdout.readline()))
            assert lines[1]["message"] == "running in sandbox mode"
            assert datetime.fromisoformat(lines[1]["at"]).tzinfo
    finally:
        process.send_signal(signal.SIGTERM)
        rest, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    lines += [json.loads(line) for line in rest.splitlines()]
    assert said == ""
    if words == "run":
        assert lines[-1] == {"stopped": True, "died": 0}


def test_following_the_log_prints_a_line_for_each_happening(clinic):
    clinic.open_all_week()
    process = subprocess.Popen(
        [sys.executable, "-m", "nurture", "log", "--follow", "--json"], cwd=clinic.root, stdout=subprocess.PIPE
    )
    try:
        for number in range(20):  # until the follower looks; whoever is new gets the next edition
            card = ("--category", "private_business", "--consent", "implied:2026-09-01:card")
            assert clinic.run("contacts", "add", f"new{number}@gym.example", *card).code == 0
            assert clinic.run("send", "partner-news", "--yes").code == 0
            if select.select([process.stdout], [], [], 2)[0]:
                break
        happening = json.loads(process.stdout.readline())
        assert happening["delivery"]["campaign"] == "partner-news"
    finally:
        process.terminate()
        process.communicate(timeout=60)
