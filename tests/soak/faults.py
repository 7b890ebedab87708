"""What a hostile world does to a delivery: one kill at a chosen stage, or everything at random."""

from collections import Counter
from collections.abc import Callable
from random import Random

from tests.soak.sink import FRIENDLY, Act, Stage
from tests.soak.trial import Result, Trial

Kill = Callable[[], bool]  # False: there was nobody to kill


class KillAt:
    """Kills when a stage is reached for the ``nth`` time; before and after that the server is friendly.

    A kill before the answer leaves the body in the server's keeping, or not (``keep``).
    """

    def __init__(self, stage: Stage, nth: int, kill: Kill, *, keep: bool = True) -> None:
        self._stage, self._left, self._kill, self._keep = stage, nth, kill, keep

    def __call__(self, stage: Stage) -> Act:
        if stage is not self._stage:
            return FRIENDLY
        self._left -= 1
        if self._left:
            return FRIENDLY
        if stage is Stage.HALF:
            return Act(before=self._kill, reset=True)
        if stage is Stage.BODY:
            return Act(before=self._kill, silent=True, keep=self._keep, reset=True)
        return Act(after=self._kill)


# per 10,000 times that a stage is reached
RATES: dict[Stage, list[tuple[int, Act]]] = {
    Stage.GREETING: [
        (60, Act("421 4.3.2 too many of you", cut=True)),
        (30, Act("554 5.7.1 not today", cut=True)),
        (60, Act(silent=True, reset=True)),
        (60, Act(silent=True, cut=True)),
    ],
    Stage.MAIL: [
        (20, Act("451 4.3.0 later")),
        (10, Act("421 4.7.0 closing", cut=True)),
        (10, Act(silent=True, cut=True)),
        (10, Act(silent=True, reset=True)),
        (4, Act("454 4.7.0 throttled")),
    ],
    Stage.RCPT: [
        (100, Act("450 4.7.1 greylisted, try again in 300 seconds")),
        (50, Act("452 4.5.3 too many recipients")),
        (50, Act("550 5.1.1 no such user")),
        (20, Act("552 5.2.2 over quota")),
        (10, Act("421 4.7.0 closing", cut=True)),
        (10, Act(silent=True, cut=True)),
        (10, Act(silent=True, reset=True)),
        (20, Act(delay=0.02)),
    ],
    Stage.DATA: [
        (30, Act("451 4.3.0 later")),
        (10, Act("554 5.6.0 no")),
        (10, Act("421 4.3.0 closing", cut=True)),
        (10, Act(silent=True, cut=True)),
        (10, Act(silent=True, reset=True)),
    ],
    Stage.HALF: [(10, Act(reset=True)), (20, Act(delay=0.02))],
    Stage.BODY: [
        (60, Act("451 4.3.0 later", keep=False)),
        (30, Act("554 5.6.0 no", keep=False)),
        (10, Act("421 4.3.0 closing", cut=True, keep=False)),
        (10, Act(silent=True, reset=True, keep=True)),
        (10, Act(silent=True, cut=True, keep=True)),
        (10, Act(silent=True, reset=True, keep=False)),
        (10, Act(silent=True, cut=True, keep=False)),
        (50, Act(delay=0.02)),
    ],
    Stage.ANSWERED: [(40, Act(cut=True)), (10, Act(reset=True))],
}


class RandomFaults:
    """Faults by `RATES`, and a kill at a random stage after each of ``kill_after`` bodies."""

    def __init__(self, random: Random, *, kill_after: list[int], kill: Kill) -> None:
        self._random = random
        self._kill_after = sorted(kill_after, reverse=True)
        self._kill = kill
        self._bodies = 0
        self._next_kill: Stage | None = None
        self.done: Counter[str] = Counter()

    def __call__(self, stage: Stage) -> Act:
        self._bodies += stage is Stage.BODY
        if self._kill_after and self._bodies >= self._kill_after[-1]:
            self._kill_after.pop()
            self._next_kill = self._random.choice([each for each in Stage if each is not Stage.GREETING])
        if stage is self._next_kill:
            self._next_kill = None
            return KillAt(stage, 1, self._strike, keep=self._random.random() < 0.5)(stage)
        drawn = self._random.randrange(10_000)
        for rate, act in RATES[stage]:
            if drawn < rate:
                self.done[_name(stage, act)] += 1
                return act
            drawn -= rate
        return FRIENDLY

    def _strike(self) -> bool:
        killed = self._kill()
        if killed:
            self.done["kill"] += 1
        else:
            self._kill_after.append(self._bodies + 1)
        return killed


def _name(stage: Stage, act: Act) -> str:
    if act.reply is not None:
        return act.reply[:3]
    if act.delay:
        return "delay"
    return f"{'reset' if act.reset else 'cut'} at {stage}"


def soak(trial: Trial, *, random: Random, kills: int) -> tuple[Result, Counter[str]]:
    """All mails of a trial under random faults; what came out, and how often each fault happened."""
    times = [random.randint(1, trial.mails * 9 // 10) for _ in range(kills)]
    faults = RandomFaults(random, kill_after=times, kill=trial.kill_one)
    with trial.begun(faults):
        trial.until_nothing_waits()
        return trial.result(), faults.done
