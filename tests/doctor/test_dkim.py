"""DKIM: is what the DNS has the public half of what nurture signs with?"""

import pytest

from nurture.composing.dkim_keys import new_keys
from nurture.doctor.dkim import judge_key, judge_keys_of
from nurture.vocabulary import Health

RSA, ED25519 = new_keys("clinic.example", "spring")
OTHER, _ = new_keys("clinic.example", "spring")


def line(value, name=RSA.record.name):
    pieces = " ".join(f'"{value[start : start + 255]}"' for start in range(0, len(value), 255))
    return f"{name}. IN TXT ( {pieces} )"


def judge(ask, key=RSA):
    return judge_key("main", key.record, ask(key.record.name, "TXT"))


@pytest.mark.parametrize("key", [RSA, ED25519], ids=["rsa", "ed25519"])
def test_the_line_that_nurture_prints_is_what_doctor_wants(zone, key):
    assert judge(zone(key.record.zone_line), key).health is Health.OK


def test_other_ways_to_write_the_same_key(zone):
    value = RSA.record.value
    assert judge(zone(line(value.replace("k=rsa; ", "") + ";"))).health is Health.OK
    assert judge(zone(line(value + "; s=email; h=sha1:sha256; t=s; n=for all mail"))).health is Health.OK
    assert judge(zone(line(value.replace("v=DKIM1; ", "")))).health is Health.OK


def test_a_key_behind_an_alias(zone):
    ask = zone(f"{RSA.record.name}. CNAME keys.clinic.example.", line(RSA.record.value, "keys.clinic.example"))
    assert judge(ask).health is Health.OK


def test_a_key_that_nobody_published(zone):
    check = judge(zone("clinic.example. A 192.0.2.1"))
    assert check.health is Health.FAIL
    assert check.record == RSA.record


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (OTHER.record.value, "not the one that nurture signs with"),
        (ED25519.record.value, "a key of the kind ed25519"),
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; k=rsa", "it has no key"),
        ("v=DKIM2; p=abc", "must come first, and be DKIM1"),
        (RSA.record.value + "; h=sha1", "does not allow sha256"),
        (RSA.record.value + "; s=tlsrpt", "does not allow mail"),
        (RSA.record.value + "; k=rsa", "stands in it twice"),
        ("hello world", "no list of tags"),
        (RSA.record.value[:255], "not the one"),
    ],
    ids=lambda value: "published" if value.startswith("v=") else value,
)
def test_records_that_verify_nothing(zone, value, words):
    check = judge(zone(line(value)))
    assert (check.health, check.record) == (Health.FAIL, RSA.record)
    assert words in check.seen


def test_two_records_at_one_name(zone):
    check = judge(zone(line(OTHER.record.value), line(RSA.record.value)))
    assert check.health is Health.FAIL
    assert "2 TXT records" in check.seen


def test_a_domain_that_only_tests(zone):
    assert judge(zone(line(RSA.record.value + "; t=y:s"))).health is Health.WARN


def test_a_sender_without_keys_leaves_it_to_the_server():
    check = judge_keys_of("main", (), relay="smtp.gmail.com")
    assert check.health is Health.UNKNOWN
    assert "smtp.gmail.com must" in check.seen


def test_ed25519_alone_is_too_new():
    assert judge_keys_of("main", ("ed25519-sha256",), relay=None).health is Health.WARN
    assert judge_keys_of("main", ("rsa-sha256", "ed25519-sha256"), relay=None) is None


def test_no_evidence_holds_a_private_key(zone):
    check = judge(zone(line(OTHER.record.value)))
    assert "PRIVATE" not in repr(check)
