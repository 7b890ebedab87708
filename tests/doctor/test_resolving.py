"""Questions over the network, against a DNS server that behaves and misbehaves."""

import time

import pytest

from nurture.doctor.answers import Found
from nurture.doctor.resolving import Resolver, network_question
from tests.servers.dns_server import error, records, serve_dns, silence


@pytest.fixture
def server():
    with serve_dns() as server:
        yield server


def asking(server, **more):
    return Resolver(network_question(["127.0.0.1"], port=server.port, seconds=1), **more).ask


def test_several_strings_make_one_text_and_several_records_stay_apart(server):
    server.replies["clinic.example TXT"] = records(
        'clinic.example. 60 IN TXT "v=spf1 include:_spf." "google.com ~all"', 'clinic.example. 60 IN TXT "hello"'
    )
    answer = asking(server)("clinic.example", "TXT")
    assert set(answer.records) == {"v=spf1 include:_spf.google.com ~all", "hello"}


def test_each_question_is_asked_once(server):
    server.replies["clinic.example A"] = records("clinic.example. 60 IN A 192.0.2.1")
    ask = asking(server)
    assert ask("clinic.example", "A") == ask("Clinic.example.", "A")
    assert len(server.asked) == 1


def test_no_such_name_and_no_such_record_are_two_things(server):
    server.replies["clinic.example MX"] = records()
    ask = asking(server)
    assert ask("clinic.example", "MX").found is Found.NO_RECORDS
    assert ask("gone.example", "MX").found is Found.NO_NAME


@pytest.mark.parametrize("code", ["SERVFAIL", "REFUSED"])
def test_a_server_that_cannot_answer_is_no_missing_record(server, code):
    server.replies["clinic.example TXT"] = error(code)
    answer = asking(server)("clinic.example", "TXT")
    assert answer.found is Found.FAILED
    assert code in answer.words


def test_silence_takes_its_time_and_no_more(server):
    server.replies["clinic.example TXT"] = silence
    began = time.monotonic()
    answer = asking(server)("clinic.example", "TXT")
    assert time.monotonic() - began < 8
    assert (answer.found, "within 1 seconds" in answer.words) == (Found.FAILED, True)


def test_all_questions_together_have_a_time(server):
    server.replies["a.example TXT"] = silence
    ask = asking(server, seconds=0.5)
    ask("a.example", "TXT")
    answer = ask("b.example", "TXT")
    assert (answer.found, answer.words) == (Found.FAILED, "there was no time left to ask")
    assert not any(name == "b.example TXT" for name, _ in server.asked)


def test_a_truncated_answer_is_fetched_over_tcp(server):
    server.replies["key.example TXT"] = records(f'key.example. 60 IN TXT "{"k" * 250}"', truncated=True)
    answer = asking(server)("key.example", "TXT")
    assert answer.records == ("k" * 250,)
    assert server.asked == [("key.example TXT", "udp"), ("key.example TXT", "tcp")]


def test_aliases_that_the_server_follows(server):
    server.replies["s._domainkey.clinic.example TXT"] = records(
        "s._domainkey.clinic.example. 60 IN CNAME s.keys.test.",
        "s.keys.test. 60 IN CNAME t.keys.test.",
        't.keys.test. 60 IN TXT "v=DKIM1; p=abc"',
    )
    assert asking(server)("s._domainkey.clinic.example", "TXT").records == ("v=DKIM1; p=abc",)


def test_aliases_that_it_leaves_to_us(server):
    server.replies["s._domainkey.clinic.example TXT"] = records("s._domainkey.clinic.example. 60 IN CNAME s.keys.test.")
    server.replies["s.keys.test TXT"] = records('s.keys.test. 60 IN TXT "v=DKIM1; p=abc"')
    answer = asking(server)("s._domainkey.clinic.example", "TXT")
    assert (answer.name, answer.records) == ("s._domainkey.clinic.example", ("v=DKIM1; p=abc",))


def test_aliases_in_a_circle_end(server):
    server.replies["a.example TXT"] = records("a.example. 60 IN CNAME b.example.")
    server.replies["b.example TXT"] = records("b.example. 60 IN CNAME a.example.")
    answer = asking(server)("a.example", "TXT")
    assert answer.found is Found.FAILED
    assert len(server.asked) < 20


def test_garbage_is_no_answer(server):
    server.replies["clinic.example TXT"] = lambda query, tcp: query.to_wire()[:2] + b"\x81\x80" + b"\xff" * 9
    assert asking(server)("clinic.example", "TXT").found is Found.FAILED


@pytest.mark.parametrize("name", ["a..example", "x" * 64 + ".example", "münchen.example", "", "a." * 130 + "example"])
def test_names_that_no_dns_knows(server, name):
    answer = asking(server)(name, "TXT")
    assert answer.found in (Found.FAILED, Found.NO_NAME)


def test_the_order_of_mx(server):
    server.replies["clinic.example MX"] = records(
        "clinic.example. 60 IN MX 10 mx.clinic.example.", "clinic.example. 60 IN MX 0 ."
    )
    assert set(asking(server)("clinic.example", "MX").records) == {"10 mx.clinic.example", "0 ."}
