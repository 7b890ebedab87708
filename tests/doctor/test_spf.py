"""SPF: what receivers would make of the record, and whether it lets the clinic's server send."""

import pytest

from nurture.doctor.looking_up import look_up_spf
from nurture.doctor.relays import known_relay
from nurture.doctor.spf import Relay, judge_spf
from nurture.doctor.spf_record import parse_spf
from nurture.vocabulary import Health

GOOGLE = Relay("smtp.gmail.com", (), known_relay("smtp.gmail.com"))
OWN = Relay("mx.clinic.example", ("192.0.2.25",))


def judge(ask, relay=None, domain="clinic.example"):
    return judge_spf(look_up_spf(domain, ask), relay)


def test_a_record_that_lets_google_send(zone):
    ask = zone(
        'clinic.example. TXT "v=spf1 include:_spf.google.com ~all"',
        'clinic.example. TXT "google-site-verification=abc"',
        '_spf.google.com. TXT "v=spf1 include:_netblocks.google.com ~all"',
        '_netblocks.google.com. TXT "v=spf1 ip4:35.190.247.0/24 ~all"',
    )
    check = judge(ask, GOOGLE)
    assert check.health is Health.OK
    assert "2 of 10 lookups" in check.seen
    assert "it lets Google send" in check.seen


def test_without_a_record_it_says_what_to_publish(zone):
    check = judge(zone('clinic.example. TXT "hello"'), GOOGLE)
    assert check.health is Health.FAIL
    assert check.record.zone_line == 'clinic.example. IN TXT ( "v=spf1 include:_spf.google.com ~all" )'


def test_a_mailbox_company_that_is_not_included(zone):
    ask = zone(
        'clinic.example. TXT "v=spf1 mx -all"',
        "clinic.example. MX 10 mx.clinic.example.",
        "mx.clinic.example. A 192.0.2.25",
    )
    check = judge(ask, GOOGLE)
    assert check.health is Health.FAIL
    assert check.record.value == "v=spf1 include:_spf.google.com mx -all"
    flat = judge(zone('clinic.example. TXT "v=spf1 ip4:35.190.247.0/24 -all"'), GOOGLE)
    assert flat.health is Health.WARN, "its networks may be Google's"


@pytest.mark.parametrize(
    "term", ["ip4:192.0.2.0/28", "a:mx.clinic.example", "mx", "mx:clinic.example/30", "include:b.clinic.example"]
)
def test_the_clinics_own_server(zone, term):
    ask = zone(
        f'clinic.example. TXT "v=spf1 {term} -all"',
        "clinic.example. MX 10 mx.clinic.example.",
        "mx.clinic.example. A 192.0.2.25",
        'b.clinic.example. TXT "v=spf1 ip4:192.0.2.25 -all"',
    )
    if term == "ip4:192.0.2.0/28":
        assert "only its owner knows" in judge(ask, OWN).seen
    else:
        check = judge(ask, OWN)
        assert (check.health, "it lets mx.clinic.example send" in check.seen) == (Health.OK, True)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['clinic.example. TXT "v=spf1 -all"', 'clinic.example. TXT "v=spf1 mx -all"'], "2 SPF records"),
        (['clinic.example. TXT "v=spf1 +all"'], "lets everybody send"),
        (['clinic.example. TXT "v=spf1 all"'], "lets everybody send"),
        (['clinic.example. TXT "v=spf1 redirect=b.clinic.example"', 'b.clinic.example. TXT "v=spf1 +all"'], "lets everybody"),
        (['clinic.example. TXT "v=spf1 includes:b.example -all"'], "`includes:b.example` is no term"),
        (['clinic.example. TXT "v=spf1 ip4:192.0.2.300 -all"'], "no IPv4 network"),
        (['clinic.example. TXT "v=spf1 ip4:2001:db8::1 -all"'], "no IPv4 network"),
        (['clinic.example. TXT "v=spf1 include:gone.clinic.example -all"'], "has no SPF record"),
        (['clinic.example. TXT "v=spf1 include:clinic.example -all"'], "leads back to itself"),
        (
            ['clinic.example. TXT "v=spf1 include:b.clinic.example -all"', 'b.clinic.example. TXT "v=spf1 include:clinic.example"'],
            "leads back to itself",
        ),
        (
            ['clinic.example. TXT "v=spf1 include:b.clinic.example -all"', 'b.clinic.example. TXT "v=spf1 ipv4:192.0.2.1"'],
            "b.clinic.example: `ipv4:192.0.2.1` is no term",
        ),
        (['clinic.example. TXT "v=spf1 a:x.clinic.example a:y.clinic.example a:z.clinic.example -all"'], "3 lookups find nothing"),
    ],
)  # fmt: skip
def test_records_that_let_nobody_or_everybody_send(zone, lines, words):
    check = judge(zone(*lines, "clinic.example. MX 10 mx.clinic.example."))
    assert check.health is Health.FAIL
    assert words in check.seen
    assert check.mend


@pytest.mark.parametrize(("services", "health"), [(10, Health.OK), (11, Health.FAIL)])
def test_ten_lookups_and_no_more(zone, services, health):
    includes = " ".join(f"include:s{number}.test" for number in range(services))
    ask = zone(
        f'clinic.example. TXT "v=spf1 {includes} -all"',
        *(f's{number}.test. TXT "v=spf1 ip4:192.0.2.{number} -all"' for number in range(services)),
    )
    check = judge(ask)
    assert check.health is health
    assert f"{services} of 10 lookups" in check.seen


def test_a_tree_without_end_is_cut(zone):
    asked = []
    ask = zone(
        'clinic.example. TXT "v=spf1 include:a.clinic.example include:b.clinic.example -all"',
        '*.clinic.example. TXT "v=spf1 include:c.clinic.example include:d.clinic.example include:e.clinic.example -all"',
    )
    check = judge(lambda *question: asked.append(question) or ask(*question))
    assert check.health is Health.FAIL
    assert len(asked) < 30


@pytest.mark.parametrize("ending", ["", " ?all"])
def test_a_record_without_an_end(zone, ending):
    check = judge(zone(f'clinic.example. TXT "v=spf1 ip4:192.0.2.1{ending}"'))
    assert check.health is Health.WARN
    assert check.record.value == "v=spf1 ip4:192.0.2.1 ~all"


def test_the_end_of_another_record_is_not_ours_to_publish(zone):
    ask = zone('clinic.example. TXT "v=spf1 redirect=b.clinic.example"', 'b.clinic.example. TXT "v=spf1 ?all"')
    check = judge(ask)
    assert (check.health, check.record) == (Health.WARN, None)


def test_what_stands_in_another_domain_may_be_unknown(zone):
    check = judge(zone('clinic.example. TXT "v=spf1 include:spf.elsewhere.test -all"'))
    assert check.health is Health.UNKNOWN
    assert "spf.elsewhere.test" in check.seen


def test_terms_that_depend_on_the_mail_are_counted_and_not_asked(zone):
    check = judge(zone('clinic.example. TXT "v=spf1 exists:%{i}._spf.clinic.example exp=why.clinic.example -all"'))
    assert check.health is Health.OK
    assert "1 of 10 lookups" in check.seen


def test_nothing_after_all_counts(zone):
    check = judge(zone('clinic.example. TXT "v=spf1 -all include:gone.clinic.example redirect=gone.clinic.example"'))
    assert check.health is Health.OK
    assert "0 of 10 lookups" in check.seen


def test_letters_of_any_case():
    assert [str(term) for term in parse_spf("V=SPF1 IP4:192.0.2.1 Include:A.example -ALL").terms] == [
        "ip4:192.0.2.1", "include:A.example", "-all",
    ]  # fmt: skip


def test_hostile_words_are_cut_and_cleaned(zone):
    check = judge(zone(r'clinic.example. TXT "v=spf1 \027[31m' + "x" * 200 + '" "' + "y" * 200 + '"'))
    assert check.health is Health.FAIL
    assert "\x1b" not in check.seen
    assert len(check.seen) < 600
