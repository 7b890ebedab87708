"""The real worker is killed with SIGKILL at every phase of a delivery. Truth is on the server's side."""

from pathlib import Path
from random import Random

import pytest

from tests.delivery.watching import KillPoint
from tests.soak.phases import PHASES, Phase, kill_at
from tests.soak.sink import Stage
from tests.soak.trial import Trial

MAILS = 200


def names(value: object) -> str | None:
    return value.name if isinstance(value, Phase) else None


@pytest.mark.parametrize("kills", [1, 2])
@pytest.mark.parametrize("phase", PHASES, ids=names)
def test_nothing_is_lost_or_sent_again_on_sqlite(new_sqlite_url: str, tmp_path: Path, phase: Phase, kills: int) -> None:
    trial = Trial(new_sqlite_url, tmp_path / "clinic", MAILS)
    check(kill_at(trial, phase, random=Random(f"{phase.name} {kills}"), kills=kills), kills)


@pytest.mark.postgres
@pytest.mark.parametrize("phase", PHASES, ids=names)
def test_nothing_is_lost_or_sent_again_on_postgresql(new_postgresql_url: str, tmp_path: Path, phase: Phase) -> None:
    trial = Trial(new_postgresql_url, tmp_path / "clinic", MAILS)
    check(kill_at(trial, phase, random=Random(phase.name), kills=1), 1)


# Where a mark is left behind.
IN_DOUBT = [
    phase
    for phase in PHASES
    if phase.stage in (Stage.HALF, Stage.BODY, Stage.ANSWERED) or phase.point in (KillPoint.MARKED, KillPoint.SETTLING)
]


@pytest.mark.parametrize("phase", IN_DOUBT, ids=names)
def test_with_resend_everybody_gets_it_and_nobody_more_than_twice(
    database_url: str, tmp_path: Path, phase: Phase
) -> None:
    trial = Trial(database_url, tmp_path / "clinic", MAILS, on_uncertain="resend")
    result = kill_at(trial, phase, random=Random(phase.name), kills=1)
    assert result.problems == ()
    assert result.states == {"sent": MAILS}, "what was in doubt went again"
    assert len(trial.sink.taken) == MAILS, "a second copy has the Message-ID of the first"
    assert result.duplicates <= trial.connections, "only what was marked may come twice"
    if phase.stage is Stage.BODY and phase.keep:
        assert result.duplicates > 0


def check(result, kills: int) -> None:
    assert result.problems == ()
    assert (result.lost, result.duplicates, result.kills) == (0, 0, kills)
    assert result.states["sent"] + result.uncertain == MAILS
