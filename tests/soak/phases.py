"""Every phase of a delivery at which a worker is killed."""

from dataclasses import dataclass
from random import Random

from tests.delivery.watching import KillPoint
from tests.soak.faults import KillAt
from tests.soak.sink import Stage, be_friendly
from tests.soak.trial import Result, Trial

CLAIM = 25  # what one line claims at once, or more


@dataclass(frozen=True)
class Phase:
    """Who sees it: the server (``stage``) or the worker's database (``point``)."""

    name: str
    stage: Stage | None = None
    point: KillPoint | None = None
    keep: bool = True

    def times(self, trial: Trial) -> int:
        """How often it surely comes in one trial."""
        if self.stage is Stage.GREETING:
            return trial.connections
        if self.point is KillPoint.CLAIMED:
            return max(1, trial.mails // (CLAIM * trial.connections))
        if self.point is not None:
            return trial.mails // trial.connections  # many go into one COMMIT
        return trial.mails


PHASES = [
    Phase("claimed", point=KillPoint.CLAIMED),
    Phase("attempt recorded, not dialed", point=KillPoint.BEGUN),
    Phase("after the greeting", Stage.GREETING),
    Phase("after MAIL", Stage.MAIL),
    Phase("after RCPT", Stage.RCPT),
    Phase("after 354, before the mark", Stage.DATA),
    Phase("marked, before the body", point=KillPoint.MARKED),
    Phase("half of the body arrived", Stage.HALF),
    Phase("whole body taken, no answer", Stage.BODY),
    Phase("whole body dropped, no answer", Stage.BODY, keep=False),
    Phase("answered, not read or not settled", Stage.ANSWERED),
    Phase("answer read, before its COMMIT", point=KillPoint.SETTLING),
    Phase("settled", point=KillPoint.SETTLED),
]


def kill_at(trial: Trial, phase: Phase, *, random: Random, kills: int) -> Result:
    """Kill a worker at a random time of the phase, then the one that follows it, and so on; then let one finish."""
    span = max(1, phase.times(trial) // (2 * kills))
    with trial.begun():
        for _ in range(kills):
            nth = random.randint(1, span)
            if phase.stage is not None:
                trial.sink.decide = KillAt(phase.stage, nth, trial.kill_one, keep=phase.keep)
            if not trial.one_round(phase.point, nth):
                trial.problems.append(f"nobody was killed at {phase.name} number {nth}")
        trial.sink.decide = be_friendly
        trial.until_nothing_waits()
        return trial.result()
