"""DMARC by RFC 9989: the tree walk, the organization, the record; and who is aligned with whom."""

import pytest

from nurture.doctor.alignment import Identity, judge_alignment, judge_author
from nurture.doctor.dmarc import judge_dmarc, walk_names
from nurture.doctor.looking_up import look_up_dmarc
from nurture.doctor.relays import known_relay
from nurture.vocabulary import Health

FULL = "v=DMARC1; p=none; rua=mailto:dmarc@clinic.example"


def judge(ask, domain="clinic.example"):
    return judge_dmarc(look_up_dmarc(domain, ask), report_to="hello@clinic.example")


def txt(domain, value=FULL):
    return f'_dmarc.{domain}. TXT "{value}"'.replace(";", "\\;") if '"' not in value else value


def test_the_walk_goes_up_label_by_label():
    assert walk_names("news.clinic.example") == ("news.clinic.example", "clinic.example", "example")
    assert walk_names("clinic.example") == ("clinic.example", "example")


def test_the_walk_asks_eight_times_at_most():
    names = walk_names("a.b.c.d.e.f.g.h.i.j.mail.example")
    assert len(names) == 8
    assert names[1] == "f.g.h.i.j.mail.example"
    assert len(walk_names("b.c.d.e.f.g.mail.example")) == 8


def test_a_domain_with_all_it_needs(zone):
    check = judge(zone(txt("clinic.example")))
    assert (check.health, check.seen) == (Health.OK, FULL)


def test_the_record_of_the_organization_holds_below_it(zone):
    ask = zone(txt("clinic.example"), "news.clinic.example. A 192.0.2.1")
    check = judge(ask, "news.clinic.example")
    assert check.health is Health.OK
    assert "at _dmarc.clinic.example" in check.seen


def test_without_a_record_it_says_what_to_publish(zone):
    check = judge(zone("clinic.example. A 192.0.2.1"))
    assert check.health is Health.FAIL
    assert check.record.name == "_dmarc.clinic.example"
    assert check.record.value == "v=DMARC1; p=none; rua=mailto:hello@clinic.example"


@pytest.mark.parametrize(
    ("value", "health", "words", "instead"),
    [
        ("p=none; v=DMARC1", Health.FAIL, "counts for nothing", "v=DMARC1; p=none; rua=mailto:hello@clinic.example"),
        ("v=dmarc1; p=none", Health.FAIL, "counts for nothing", "v=DMARC1; p=none; rua=mailto:hello@clinic.example"),
        ("v=DMARC1; p=maybe", Health.FAIL, "without a valid p=", "v=DMARC1; p=none"),
        ("v=DMARC1; rua=mailto:a@clinic.example", Health.WARN, "counts as none", "v=DMARC1; p=none; rua=mailto:a@clinic.example"),
        ("v=DMARC1; p=reject", Health.WARN, "nobody gets the reports", "v=DMARC1; p=reject; rua=mailto:hello@clinic.example"),
        (FULL + "; pct=50; ri=86400", Health.WARN, "no pct, ri any more", FULL),
        (FULL + "; t=y", Health.WARN, "not applied in full", FULL),
    ],
)  # fmt: skip
def test_records_to_mend(zone, value, health, words, instead):
    check = judge(zone(txt("clinic.example", value)))
    assert (check.health, check.record.value) == (health, instead)
    assert words in check.seen


def test_two_records_count_for_nothing(zone):
    check = judge(zone(txt("clinic.example"), txt("clinic.example", "v=DMARC1; p=reject")))
    assert check.health is Health.FAIL
    assert "2 DMARC records" in check.seen


def test_reports_to_a_stranger_need_its_yes(zone):
    record = txt("clinic.example", "v=DMARC1; p=none; rua=mailto:x@reports.test")
    check = judge(zone(record, "reports.test. A 192.0.2.1"))
    assert check.health is Health.WARN
    assert check.record.zone_line == 'clinic.example._report._dmarc.reports.test. IN TXT ( "v=DMARC1" )'
    assert judge(zone(record, 'clinic.example._report._dmarc.reports.test. TXT "v=DMARC1"')).health is Health.OK


def test_a_public_suffix_is_nobodys_organization(zone):
    ask = zone(txt("clinic.co.test"), '_dmarc.co.test. TXT "v=DMARC1; p=none; psd=y"')
    assert look_up_dmarc("clinic.co.test", ask).organization == "clinic.co.test"
    assert look_up_dmarc("news.clinic.co.test", ask).organization == "clinic.co.test"


def test_a_part_may_declare_itself_an_organization(zone):
    ask = zone(txt("clinic.example"), txt("north.clinic.example", "v=DMARC1; p=none; psd=n"))
    walk = look_up_dmarc("mail.north.clinic.example", ask)
    assert walk.organization == "north.clinic.example"
    assert len(walk.answers) == 2, "psd=n ends the walk"


def test_a_question_without_an_answer_is_no_verdict(zone):
    assert judge(zone("other.test. A 192.0.2.1")).health is Health.UNKNOWN


def align(ask, author, *signing, envelope=None, host=None):
    envelope = envelope or author
    relay = known_relay(host) if host else None
    identity = Identity("main", author, envelope, signing, relay)
    return judge_alignment(identity, {name: look_up_dmarc(name, ask) for name in {author, envelope, *signing}})


def test_the_same_domain_is_aligned_whatever_the_dns_says(zone):
    assert align(zone("other.test. A 192.0.2.1"), "clinic.example", "clinic.example").health is Health.OK


def test_a_domain_of_the_same_organization_is_aligned(zone):
    ask = zone(txt("clinic.example"), "news.clinic.example. A 192.0.2.1")
    assert align(ask, "news.clinic.example", "clinic.example").health is Health.OK
    assert align(ask, "clinic.example", "news.clinic.example").health is Health.OK


def test_strict_alignment_wants_the_same_domain(zone):
    ask = zone(txt("clinic.example", FULL + "; adkim=s"), "news.clinic.example. A 192.0.2.1")
    check = align(ask, "clinic.example", "news.clinic.example")
    assert check.health is Health.FAIL
    assert "sign with clinic.example" in check.mend


def test_a_strangers_signature_counts_for_nothing(zone):
    ask = zone(txt("clinic.example"), txt("other.example"))
    assert align(ask, "clinic.example", "other.example").health is Health.FAIL
    assert align(ask, "clinic.example", "clinic.example", "other.example").health is Health.WARN


def test_without_a_signature_the_envelope_must_be_ours(zone):
    ask = zone(txt("clinic.example"), txt("bounces.test"))
    assert align(ask, "clinic.example").health is Health.OK
    assert align(ask, "clinic.example", envelope="bounces.test").health is Health.FAIL
    own_envelope = align(ask, "clinic.example", host="email-smtp.us-east-1.amazonaws.com")
    assert own_envelope.health is Health.UNKNOWN
    assert "Amazon SES" in own_envelope.seen


def author(domain, host=None):
    return judge_author(Identity("main", domain, domain, (), known_relay(host) if host else None))


def test_a_from_of_a_free_mailbox_provider():
    assert author("clinic.example", "smtp.gmail.com") is None
    assert author("gmail.com", "smtp.gmail.com").health is Health.WARN
    assert author("gmail.com", "mx.clinic.example").health is Health.FAIL
    assert author("outlook.com", "smtp.gmail.com").health is Health.FAIL
