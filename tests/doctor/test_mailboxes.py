"""MX: can an answer to the clinic's mail arrive?"""

import pytest

from nurture.doctor.looking_up import look_up_mailbox
from nurture.doctor.mailboxes import judge_mailbox
from nurture.vocabulary import Health


@pytest.mark.parametrize(
    ("lines", "health", "words"),
    [
        (["clinic.example. MX 10 mx.clinic.example.", "mx.clinic.example. A 192.0.2.1"], Health.OK, "10 mx.clinic.example"),
        (["clinic.example. MX 10 mx.clinic.example.", "mx.clinic.example. AAAA 2001:db8::1"], Health.OK, "mx.clinic"),
        (["clinic.example. MX 10 mx.elsewhere.test."], Health.OK, "mx.elsewhere.test"),
        (["clinic.example. MX 0 ."], Health.FAIL, "null MX"),
        (["clinic.example. MX 10 gone.clinic.example."], Health.FAIL, "none of these hosts has an address"),
        (
            ["clinic.example. MX 10 mx.clinic.example.", "clinic.example. MX 20 gone.clinic.example.", "mx.clinic.example. A 192.0.2.1"],
            Health.WARN,
            "gone.clinic.example has no address",
        ),
        (["clinic.example. A 192.0.2.1"], Health.WARN, "only an address"),
        (['clinic.example. TXT "hello"'], Health.FAIL, "neither an MX record nor an address"),
        (["other.test. A 192.0.2.1"], Health.UNKNOWN, "says nothing"),
    ],
)  # fmt: skip
def test_answers_can_arrive_or_not(zone, lines, health, words):
    check = judge_mailbox(look_up_mailbox("clinic.example", zone(*lines)), ("hello@clinic.example",))
    assert check.health is health
    assert words in check.seen
    if health is Health.FAIL:
        assert "hello@clinic.example" in check.mend
        assert ("Publish" in check.mend) != ("none of these" in check.seen), (
            "those that are there are not to be published"
        )
