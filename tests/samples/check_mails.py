"""Collected mails against the judges; only `make samples` runs this, the samples are not ours to keep.

Prints the scores of the table in docs/replies.md.
"""

import json
import os
import time
from collections import Counter
from pathlib import Path

import pytest

from nurture.inbox.judging import judge_octets
from tests.samples.conftest import count

FOLDER = Path(os.environ.get("NURTURE_SAMPLES", ""))
if not (FOLDER / "bounces" / "sisimai").is_dir():
    pytest.skip(f"there are no mails in {FOLDER}", allow_module_level=True)

SECOND = 1.0


def expected(name):
    return json.loads((FOLDER / name).read_text(encoding="utf-8"))["files"]


def judged(*parts):
    return judge_octets(FOLDER.joinpath(*parts).read_bytes())


def test_bounces_of_many_systems(score):
    kinds, addresses, wrongly_hard, originals = (Counter() for _ in range(4))
    for name, mail in expected("bounces/sisimai.expected.json").items():
        judgement = judged("bounces", "sisimai", name)
        by_address = {each.address.lower(): each for each in judgement.recipients}
        if mail.get("original_message_id"):
            count(originals, judgement.original_message_id == mail["original_message_id"])
        for recipient in mail["recipients"]:
            if recipient["kind"] == "complaint":
                assert judgement.kind == "complaint"
                continue
            found = by_address.get((recipient["address"] or "").lower())
            if recipient["address"]:
                count(addresses, found)
            found = found or (judgement.recipients[0] if len(judgement.recipients) == 1 else None)
            if not mail.get("weak"):
                accepted = {recipient["kind"], *recipient.get("also_ok", ())}
                count(kinds, found and found.bounce in accepted)
                count(wrongly_hard, found and found.bounce == "hard" and "hard" not in accepted)
    score("Message-ID of the original", originals)
    assert score("bounces: kind", kinds) >= 0.88
    assert score("bounces: wrongly hard", wrongly_hard) <= 0.01
    assert score("bounces: address", addresses) >= 0.93


def test_addresses_of_older_bounces(score):
    counts, invented = Counter(), 0
    for name, mail in expected("bounces/flufl.expected.json").items():
        found = {each.address.lower() for each in judged("bounces", "flufl", name).recipients}
        wanted = {address.lower() for address in mail["permanent"] + mail["temporary"]}
        invented += len(found - wanted)
        for address in wanted:
            count(counts, address in found)
    assert score("older bounces: address", counts) >= 0.97
    assert invented == 0


def test_bounces_that_we_labelled_ourselves():
    for name, mail in expected("bounces/other.expected.json").items():
        found = judged("bounces", "other", name).recipients
        if "all_kind" in mail:
            assert len(found) >= mail["recipients_count_min"]
            assert {each.bounce for each in found} == {mail["all_kind"]}
        for each, recipient in zip(found, mail.get("recipients", ()), strict=bool(mail.get("recipients"))):
            assert each.address == recipient["address"]
            assert each.bounce in {recipient["kind"], *recipient.get("also_ok", ())}


def test_complaints_and_reports(score):
    counts = Counter()
    for name, mail in expected("arf/expected.json").items():
        judgement = judged("arf", name)
        right = judgement.kind == mail["kind"] and judgement.feedback_type in mail["feedback_types"]
        count(counts, right and mail.get("original_message_id") in (None, judgement.original_message_id))
    for name in expected("machine-reports/expected.json"):
        count(counts, judged("machine-reports", name).kind == "report")
    assert score("complaints and machines' reports", counts) == 1


def test_automatic_answers_and_people(score):
    machines, people = Counter(), Counter()
    for name, mail in expected("autoreply/expected.json").items():
        judgement = judged("autoreply", *name.split("/"))
        if mail["kind"] == "human_reply":
            count(people, judgement.kind == "reply" and judgement.opt_out == mail.get("opt_out", False))
        else:
            count(machines, judgement.kind == "autoreply" and not judgement.opt_out)
    assert score("automatic answers", machines) >= 0.94
    assert score("people told from machines", people) == 1


def test_newest_words(score):
    counts = Counter()
    lost = []
    for name, reply in expected("replies/expected.json").items():
        raw = (FOLDER / "replies" / name).read_bytes()
        if not name.startswith("eml/"):
            kind = "html" if name.startswith("html/") else "plain"
            raw = b"From: a@b.example\nContent-Type: text/%s; charset=utf-8\n\n%s" % (kind.encode(), raw)
        judgement = judge_octets(raw)
        assert judgement.kind == "reply", name
        text = " ".join((judgement.text or "").split())
        whole = " ".join(raw.partition(b"\n\n")[2].decode("utf-8", "replace").split())
        count(counts, fits(text, reply, whole=whole))
        if not text:
            lost.append(name)
    assert lost == []
    assert score("newest words", counts) >= 0.88


def fits(text, reply, *, whole):
    def flat(words):
        return " ".join(words.split())

    wanted = reply.get("equals", reply.get("equals_text"))
    return (
        (wanted is None or text == flat(wanted))
        and text.startswith(flat(reply.get("starts_with", "")))
        and all(flat(words) in text for words in reply.get("contains", ()))
        and not any(flat(words) in text for words in reply.get("not_contains", ()))
        and (not reply.get("whole") or text == whole)
    )


def test_malformed_mails_get_a_judgement_in_time(score):
    judged_in_time = Counter()
    for name in expected("mime/expected.json"):
        began = time.perf_counter()
        judgement = judged("mime", *name.split("/"))
        count(judged_in_time, time.perf_counter() - began < SECOND)
        assert not [each for each in judgement.recipients if each.bounce == "hard"], name
    assert score("malformed mails: judged within a second", judged_in_time) == 1
