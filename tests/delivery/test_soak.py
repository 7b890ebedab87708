"""Thousands of mails through a hostile world. At the end the sink and the log must be equal sets."""

import os
import secrets
from pathlib import Path
from random import Random

import pytest

from tests.soak.faults import soak
from tests.soak.trial import Trial

MAILS, KILLS = 5000, 8


@pytest.mark.timeout(600)
def test_the_sink_and_the_log_are_equal_sets_after_random_faults(new_sqlite_url: str, tmp_path: Path) -> None:
    seed = os.environ.get("NURTURE_TEST_SEED") or secrets.token_hex(4)
    print(f"NURTURE_TEST_SEED={seed} repeats these faults")  # noqa: T201 - shown when it fails
    trial = Trial(new_sqlite_url, tmp_path / "clinic", MAILS, at_once=2)
    result, faults = soak(trial, random=Random(seed), kills=KILLS)
    print(result, dict(faults))  # noqa: T201
    assert result.problems == ()
    assert (result.lost, result.duplicates) == (0, 0)
    assert result.kills == KILLS
    assert result.states["sent"] > MAILS * 0.9
    assert result.uncertain <= result.most_uncertain
