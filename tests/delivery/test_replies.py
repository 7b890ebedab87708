"""One table decides what an answer means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.delivery.replies import Reply, deciding_rule, judge, parse_reply, rules
from nurture.vocabulary import AttemptPhase, Verdict

CASES = [
    # phase, answer, verdict
    ("body", "250 2.0.0 OK 1700000000 q12 - gsmtp", "sent"),
    ("body", "299 thank you", "sent"),
    ("connect", "421 4.3.2 try later", "retry"),
    ("connect", "454 4.7.0 temporary authentication failure", "retry"),
    ("connect", "535 5.7.8 Username and Password not accepted", "stop_sender"),
    ("connect", "534 5.7.9 Application-specific password required", "stop_sender"),
    ("connect", "521 5.3.2 host does not accept mail", "stop_sender"),
    ("mail", "421 4.3.2 service shutting down", "retry"),
    ("mail", "421 4.7.28 Gmail has detected an unusual rate of mail", "stop_sender"),
    ("mail", "451 4.7.500 Server busy. Please try again later", "retry"),
    ("mail", "454 4.7.1 throttled", "stop_sender"),
    ("mail", "452 4.3.1 insufficient system storage", "retry"),
    ("mail", "530 5.7.1 Authentication required", "stop_sender"),
    ("mail", "550 5.4.5 Daily user sending limit exceeded", "stop_sender"),
    ("mail", "552 5.3.4 message size exceeds fixed limit", "fail_message"),
    ("mail", "553 5.1.8 sender address rejected", "stop_sender"),
    ("mail", "550 no", "stop_sender"),
    ("rcpt", "450 4.7.1 greylisted, try again in 300 seconds", "retry"),
    ("rcpt", "450 4.2.1 The user you are trying to contact is receiving mail too quickly", "retry"),
    ("rcpt", "452 4.5.3 too many recipients", "retry"),
    ("rcpt", "552 5.5.3 too many recipients", "retry"),
    (
        "rcpt",
        "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown in virtual mailbox table",
        "fail_address",
    ),
    ("rcpt", "550 5.1.10 null MX", "fail_address"),
    ("rcpt", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "fail_address"),
    ("rcpt", "550 5.2.1 The email account that you tried to reach is disabled", "fail_address"),
    ("rcpt", "550 Requested action not taken: mailbox unavailable", "fail_message"),
    ("rcpt", "550 No such user here", "fail_address"),
    ("rcpt", "551 user not local", "fail_address"),
    ("rcpt", "552 5.2.2 mailbox full", "fail_message"),
    ("rcpt", "554 5.7.1 <a@b.example>: Relay access denied", "stop_sender"),
    ("rcpt", "550 5.7.1 Service unavailable; client host blocked using Spamhaus", "stop_sender"),
    ("rcpt", "550 5.7.1 delivery not authorized, message refused", "fail_message"),
    ("rcpt", "550 5.7.606 Access denied, banned sending IP", "stop_sender"),
    ("data", "554 5.5.1 no valid recipients", "fail_message"),
    ("data", "503 5.5.1 bad sequence", "fail_message"),
    ("body", "421 4.4.2 timeout", "retry"),
    ("body", "451 4.3.0 queue file write error", "retry"),
    ("body", "550 5.7.26 This mail is unauthenticated", "stop_sender"),
    (
        "body",
        "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
        "stop_sender",
    ),
    ("body", "554 5.7.1 message rejected as spam", "stop_sender"),
    ("body", "554 5.7.1 [HM08] Message rejected due to local policy", "stop_sender"),
    ("rcpt", "553 5.7.1 [BL21] Connections not accepted from this address", "stop_sender"),
    ("body", "550 5.6.0 malformed", "fail_message"),
    ("body", "554 transaction failed", "fail_message"),
    ("body", "555 five", "fail_message"),
]


@pytest.mark.parametrize(("phase", "answer", "verdict"), CASES)
def test_verdicts(phase: str, answer: str, verdict: str) -> None:
    reply = parse_reply(int(answer[:3]), answer[4:])
    assert judge(AttemptPhase(phase), reply.code, reply.enhanced, reply.text) == Verdict(verdict)


def test_multi_line_answers_keep_one_enhanced_code() -> None:
    reply = parse_reply(550, "5.1.1 The address\n5.1.1 does not exist\n4.0.0 odd")
    assert reply == Reply(550, "5.1.1", "The address does not exist 4.0.0 odd")


def test_an_enhanced_code_of_another_class_is_words() -> None:
    assert parse_reply(450, "5.1.1 user unknown") == Reply(450, None, "5.1.1 user unknown")


def test_every_rule_says_where_it_comes_from() -> None:
    assert len(rules()) > 20
    assert all(len(rule.source) > 5 for rule in rules())


replies = st.builds(
    Reply,
    code=st.integers(200, 599),
    enhanced=st.none() | st.from_regex(r"[245]\.[0-9]{1,2}\.[0-9]{1,2}", fullmatch=True),
    text=st.text(max_size=60),
)


@given(phase=st.sampled_from(AttemptPhase), reply=replies)
def test_the_first_digit_binds_whatever_else_is_said(phase: AttemptPhase, reply: Reply) -> None:
    verdict = judge(phase, reply.code, reply.enhanced, reply.text)
    if reply.code < 300:
        assert verdict is (Verdict.SENT if phase is AttemptPhase.BODY else Verdict.RETRY)
    elif 400 <= reply.code < 500:
        assert verdict in (Verdict.RETRY, Verdict.STOP_SENDER)
    elif reply.code >= 500:
        assert verdict is not Verdict.SENT


@given(reply=replies)
def test_before_rcpt_nothing_can_harm_an_address(reply: Reply) -> None:
    for phase in (AttemptPhase.CONNECT, AttemptPhase.MAIL):
        rule = deciding_rule(phase, reply)
        assert rule is None or rule.verdict is not Verdict.FAIL_ADDRESS


@pytest.mark.parametrize(
    ("phase", "answer", "slows"),
    [
        ("mail", "454 4.7.1 throttled", "sender"),
        ("mail", "421 4.7.28 Gmail has detected an unusual rate of mail", "sender"),
        ("mail", "421 4.3.2 service shutting down", "sender"),
        ("rcpt", "450 4.2.1 The user you are trying to contact is receiving mail too quickly", "provider"),
        ("rcpt", "451 4.7.500 Server busy. Please try again later from [192.0.2.1]", "provider"),
        ("body", "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to user complaints", "sender"),
        ("rcpt", "450 4.4.5 mail system congestion", "provider"),
        ("rcpt", "450 4.7.1 greylisted, try again in 300 seconds", None),
        ("rcpt", "452 4.5.3 too many recipients", None),
        ("rcpt", "452 4.2.2 mailbox full", None),
        ("rcpt", "550 5.1.1 no such user", None),
        ("body", "250 2.0.0 ok, not too busy", None),
    ],
)
def test_who_shall_be_slowed_down(phase: str, answer: str, slows: str | None) -> None:
    reply = parse_reply(int(answer[:3]), answer[4:])
    rule = deciding_rule(AttemptPhase(phase), reply)
    assert rule is not None
    assert rule.slows == slows


@pytest.mark.parametrize(
    ("phase", "answer", "renews"),
    [
        ("rcpt", "452 4.5.3 too many recipients", True),
        ("rcpt", "451 4.5.3 Recipient limit reached", True),
        ("rcpt", "552 too many recipients", True),
        ("mail", "452 4.3.1 too many messages in this session", True),
        ("mail", "451 4.7.0 Maximum number of messages per connection reached", True),
        ("rcpt", "452 4.2.2 mailbox full", False),
        ("mail", "454 4.7.1 throttled: too many messages", False),
        ("mail", "451 4.7.1 too many connections", False),
    ],
)
def test_when_a_new_session_helps(phase: str, answer: str, renews: bool) -> None:
    reply = parse_reply(int(answer[:3]), answer[4:])
    rule = deciding_rule(AttemptPhase(phase), reply)
    assert rule is not None
    assert (rule.verdict is Verdict.RETRY) or not renews
    assert rule.renews is renews
