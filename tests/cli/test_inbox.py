"""``nurture inbox classify``: what a mail is taken for, in a folder that is no workspace."""

import json

import pytest

BOUNCE = b"""From: MAILER-DAEMON@relay.example
Subject: failure notice

I wasn't able to deliver your message to the following addresses.

<pat@partner.example>:
Remote host said: 550 5.1.1 <pat@partner.example>... User unknown

--- Below this line is a copy of the message.

Message-ID: <4f1c9e70@mail.clinic.example>
"""
AWAY = b"""From: Kim Roe <kim@gym.example>
Subject: Automatic reply: News
Date: Mon, 14 Sep 2026 09:12:33 -0400

I am out of the office until September 25.
"""
LEAVES = b"""From: Jo <jo@club.example>
Subject: Re: News
Content-Type: text/plain; charset=utf-8

Please remove me from your list. \x1b[2JThanks
"""


@pytest.fixture
def mails(tmp_path):
    folder = tmp_path / "mails"
    folder.mkdir()
    for name, octets in {"a-bounce": BOUNCE, "b-away": AWAY, "c-leaves": LEAVES}.items():
        (folder / f"{name}.eml").write_bytes(octets)
    return folder


def test_each_mail_is_one_object_on_a_line(clinic, mails, tmp_path):
    ran = clinic.run("inbox", "classify", mails, "--json", cwd=tmp_path)
    assert ran.code == 0, ran
    bounce, away, leaves = map(json.loads, ran.out.splitlines())
    assert bounce["file"].endswith("a-bounce.eml")
    assert bounce["kind"] == "bounce"
    assert bounce["recipients"] == [
        {"address": "pat@partner.example", "bounce": "hard", "status": "5.1.1", "action": "failed"}
    ]
    assert bounce["original_message_id"] == "4f1c9e70@mail.clinic.example"
    assert away["kind"] == "autoreply"
    assert away["auto"] == {"kind": "out_of_office", "until": "2026-09-25", "new_address": None}
    assert (leaves["kind"], leaves["opt_out"]) == ("reply", True)
    assert all(each["why"] for each in (bounce, away, leaves))
    wanted = ["file", "kind", "recipients", "original_message_id", "auto", "feedback_type", "opt_out", "text", "why"]
    assert list(leaves) == wanted


def test_people_read_a_block_for_each_mail(clinic, mails, tmp_path):
    ran = clinic.run("inbox", "classify", mails / "a-bounce.eml", mails / "c-leaves.eml", cwd=tmp_path)
    assert ran.code == 0, ran
    first, second = ran.out.split("\n\n")
    assert "a-bounce.eml: bounce" in first
    assert "pat@partner.example: hard (5.1.1, failed)" in first
    assert "c-leaves.eml: reply, wants no more mails" in second
    assert "| Please remove me from your list." in second
    assert "\x1b" not in ran.out  # a stranger's words steer no terminal


def test_an_address_of_ours_makes_a_mail_our_own(clinic, mails, tmp_path):
    ran = clinic.run("inbox", "classify", mails / "c-leaves.eml", "--own", "JO@club.example", "--json", cwd=tmp_path)
    assert json.loads(ran.out)["kind"] == "own"


def test_what_is_not_there_is_said_before_anything_is_judged(clinic, mails, tmp_path):
    ran = clinic.run("inbox", "classify", mails / "a-bounce.eml", mails / "nowhere.eml", cwd=tmp_path)
    assert ran.code == 2
    assert "nowhere.eml" in ran.err
    assert ran.out == ""
