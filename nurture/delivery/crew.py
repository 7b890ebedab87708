"""The lines of one round of delivering: begun, looked after, and joined by others while some wait for long."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from itertools import count

from nurture.clock import monotonic
from nurture.delivery.line import Line
from nurture.delivery.post import Post
from nurture.delivery.shift import Shift
from nurture.errors import StoreError

log = logging.getLogger("nurture.delivery")

TICK = 0.1  # seconds between two looks
LOOK = 5.0  # seconds after which mail of further senders is looked for while lines wait


class Crew:
    """All lines of a round. ``lines`` is kept up to date for who wants to stop them.

    ``more`` gives the posts of further senders that have something to do by now.
    """

    def __init__(
        self,
        shift: Shift,
        posts: dict[str, Post],
        lines: dict[asyncio.Task[None], Line],
        more: Callable[[], Awaitable[dict[str, Post]]],
    ) -> None:
        self._shift = shift
        self._posts = posts
        self._lines = lines
        self._more = more
        self._numbers = count(1)
        self._looked = monotonic()
        self._errors: list[BaseException] = []

    async def work(self) -> None:
        """Until no line has anything to do; raises the first error of a line then."""
        for post in self._posts.values():
            self._hire(post, post.route.connections)
        try:
            while self._lines:
                done, _ = await asyncio.wait(self._lines, timeout=TICK, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._dismiss(task)
                try:
                    await self._look_after()
                except StoreError as error:
                    log.warning("nobody looks after the lines for a moment: %s", error)
        except BaseException:
            for task in self._lines:
                task.cancel()
            await asyncio.gather(*self._lines, return_exceptions=True)
            self._lines.clear()
            raise
        if self._errors:
            raise self._errors[0]
        for post in self._posts.values():
            await post.experience.write_lessons()
            await post.stock.give_all_back()

    def _hire(self, post: Post, lines: int) -> None:
        for _ in range(lines):
            line = Line(self._shift, post, next(self._numbers))
            post.lines.append(line)
            self._lines[asyncio.create_task(line.run())] = line

    def _dismiss(self, task: asyncio.Task[None]) -> None:
        line = self._lines.pop(task)
        line.post.lines.remove(line)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None and not (self._shift.stopping and isinstance(error, asyncio.CancelledError)):
            self._errors.append(error)

    async def _look_after(self) -> None:
        waits = False
        for post in self._posts.values():
            if not self._shift.ledger.troubled:
                await post.experience.write_lessons()
                await post.stock.give_back_put_off()
            stuck = [line for line in post.lines if _is_stuck(post, line)]
            for line in stuck:
                await line.unburden()
            waits = waits or bool(stuck)
            self._replace(post, len(stuck))
        if waits and monotonic() - self._looked >= LOOK:
            self._looked = monotonic()
            for name, post in (await self._more()).items():
                self._posts[name] = post
                self._hire(post, post.route.connections)

    def _replace(self, post: Post, stuck: int) -> None:
        """As many lines as the clinic allows shall work, whoever waits; up to twice as many in all."""
        if self._errors or not self._shift.may_go_on(post.sender):
            return
        missing = post.route.connections - (len(post.lines) - stuck)
        room = post.experience.traffic.most_lines(self._shift.clock.now()) - len(post.lines)
        self._hire(post, post.stock.openings(min(missing, room)))


def _is_stuck(post: Post, line: Line) -> bool:
    """It waits for a provider that takes far longer than the others; no other line shall begin with that."""
    waits, traffic = line.waits_for(), post.experience.traffic
    if waits is None or not traffic.keeps_waiting(*waits):
        return False
    if traffic.is_slow(*waits):
        traffic.slowed(waits[0])
    return True
