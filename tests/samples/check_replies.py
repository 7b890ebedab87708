"""Collected answers of providers against our table; only `make samples` runs this, the samples are not ours to keep.

What a sample calls ``sender`` is a refusal of us, ``hard`` a dead address,
``soft`` a trouble that passes.
"""

import json
import os
import re
from pathlib import Path

import pytest

from nurture.delivery.replies import judge
from nurture.vocabulary import AttemptPhase, Verdict

FILE = Path(os.environ.get("NURTURE_SAMPLES", "")) / "iana" / "enhanced-status-codes.json"
if not FILE.is_file():
    pytest.skip(f"there are no samples in {FILE.parent}", allow_module_level=True)

ANSWER = re.compile(r"(?:(\d{3}) ?)?(\d\.\d+\.\d+)? ?(.*)")
ALLOWED = {
    "sender": {Verdict.STOP_SENDER},
    "soft": {Verdict.RETRY, Verdict.STOP_SENDER, Verdict.FAIL_MESSAGE},
    "hard": {Verdict.FAIL_ADDRESS, Verdict.FAIL_MESSAGE},
    "hard_or_soft": {Verdict.FAIL_ADDRESS, Verdict.FAIL_MESSAGE},
}
ANSWERS = [
    (f"{sample['provider']} {answer}", answer, sample["kind"])
    for sample in json.loads(FILE.read_text())["provider_replies"]
    for answer in re.split(r" / |, ", sample["code"])
    if answer[0].isdecimal()
]


@pytest.mark.parametrize("phase", [AttemptPhase.RCPT, AttemptPhase.BODY])
@pytest.mark.parametrize(("answer", "kind"), [each[1:] for each in ANSWERS], ids=[each[0] for each in ANSWERS])
def test_an_answer_of_a_provider_means_what_it_says(answer: str, kind: str, phase: AttemptPhase) -> None:
    found = ANSWER.fullmatch(answer)
    assert found is not None
    code, enhanced, words = found.groups()
    first = (code or enhanced)[0]
    verdict = judge(phase, int(code or {"4": 421, "5": 550}[first]), enhanced, words)
    assert verdict in ALLOWED[kind]
