"""Whatever strangers publish: a verdict, on one line, of bounded length, and no exception."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.composing.dkim_keys import DnsRecord
from nurture.doctor.alignment import Identity, judge_alignment
from nurture.doctor.answers import Answer, Found
from nurture.doctor.dkim import judge_key
from nurture.doctor.dmarc import judge_dmarc
from nurture.doctor.looking_up import look_up_dmarc, look_up_mailbox, look_up_spf
from nurture.doctor.mailboxes import judge_mailbox
from nurture.doctor.relays import known_relay
from nurture.doctor.spf import Relay, judge_spf

OURS = DnsRecord("s._domainkey.clinic.example", "v=DKIM1; k=rsa; p=abc")
WORDS = """
v=spf1 v=DMARC1 v=DKIM1 ; = p p=none rua=mailto:a@b.test psd=y psd=n t=y k=rsa include: redirect= a mx mx/24//64
ip4:192.0.2.1 ip6:::1/129 all + ~ %{i} clinic.example exists: ptr : / \\ " é .
"""
PIECES = st.sampled_from([*WORDS.split(), " ", "x" * 300, "\x1b[31m", "\u202e", "\n", "\x00"])
TEXTS = st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=3).map(tuple)
HOSTS = st.lists(st.sampled_from(["0 .", "10 mx.test", "x", "", "99999 \x1b", "10 " + "y" * 300]), max_size=4).map(
    tuple
)


@settings(deadline=timedelta(seconds=5))
@given(TEXTS, TEXTS, HOSTS)
def test_there_is_always_a_verdict(texts, others, hosts):
    asked = []

    def ask(name, kind):
        asked.append(name)
        records = hosts if kind == "MX" else ("192.0.2.1",) if kind == "A" else () if kind == "AAAA" else texts
        if kind == "TXT" and len(asked) % 2:
            records = others
        return Answer(name, kind, Found.RECORDS if records else Found.NO_RECORDS, records)

    relay = Relay("smtp.gmail.com", ("192.0.2.9",), known_relay("smtp.gmail.com"))
    walk = look_up_dmarc("news.clinic.example", ask)
    checks = [
        judge_spf(look_up_spf("clinic.example", ask), relay),
        judge_dmarc(walk, report_to="hello@clinic.example"),
        judge_key("main", OURS, ask(OURS.name, "TXT")),
        judge_mailbox(look_up_mailbox("clinic.example", ask), ("hello@clinic.example",)),
        judge_alignment(
            Identity("main", "news.clinic.example", "news.clinic.example", ("clinic.example",)),
            {"news.clinic.example": walk, "clinic.example": look_up_dmarc("clinic.example", ask)},
        ),
    ]
    assert len(asked) < 700
    for check in checks:
        for words in (check.about, check.seen, check.mend, check.record.zone_line if check.record else ""):
            assert not any(sign in words for sign in "\x1b\u202e\n\x00")
        assert len(check.seen) < 2_000
