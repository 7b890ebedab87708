"""The outbox worker: recovers, expires, sends what is due, finishes editions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from nurture.clock import Clock, monotonic
from nurture.composing.dkim import Signer
from nurture.delivery import uncertain
from nurture.delivery.connection import Timeouts
from nurture.delivery.crew import Crew
from nurture.delivery.experience import Experience
from nurture.delivery.guard import Watermark
from nurture.delivery.journal import SUFFIX, Journal
from nurture.delivery.ledger import Ledger
from nurture.delivery.line import Line
from nurture.delivery.messages import EditionComposers
from nurture.delivery.ownership import Owner, folder_of
from nurture.delivery.post import Post
from nurture.delivery.replaying import Replay
from nurture.delivery.routes import Route, route_for
from nurture.delivery.settling import SenderStop
from nurture.delivery.share import Share
from nurture.delivery.shift import Shift
from nurture.delivery.stock import Stock
from nurture.delivery.tokens import Dry
from nurture.delivery.traffic import Traffic
from nurture.delivery.upkeep import Upkeep
from nurture.errors import CopyError, SecretError, SenderError, StoreError
from nurture.store import Store, deliveries, editions, meta, senders, workers
from nurture.store.engine import Connection
from nurture.store.senders import StoppedSender
from nurture.vocabulary import DeliveryState, Mode, WorkerRole
from nurture.workspace.settings import Sender
from nurture.workspace.workspace import Workspace

log = logging.getLogger("nurture.delivery")

GRACE = 30.0  # seconds that a body on its way gets for its answer when the worker stops
LOOK_AGAIN = timedelta(minutes=1)  # somebody may raise a limit that was reached
LATE = 0.5  # seconds that an answer waits for the database before the journal gets it, twice that at most
RENEWAL = workers.LEASE.total_seconds() / 3


@dataclass(frozen=True, slots=True)
class DeliverySummary:
    """What one `Worker.deliver_due` did.

    ``retried`` go again later; ``stopped`` are senders that wait, ``limited``
    those that reached a limit of theirs, by name.
    """

    sent: int = 0
    failed: int = 0
    skipped: int = 0
    canceled: int = 0
    expired: int = 0
    uncertain: int = 0
    retried: int = 0
    stopped: tuple[StoppedSender, ...] = ()
    limited: Mapping[str, Dry] = field(default_factory=dict)


class Worker:
    """Delivers in this process. One `deliver_due` at a time; `close` it at the end.

    ``workspace_of`` gives the present files; ``sandbox`` is (host, port) of the
    sandbox's server on this machine, or None where it does not run. ``share``
    says which part of each sender's connections this process opens.
    """

    def __init__(
        self,
        store: Store,
        workspace_of: Callable[[], Workspace],
        clock: Clock,
        *,
        sandbox: tuple[str, int] | None,
        timeouts: Timeouts | None = None,
        role: WorkerRole = WorkerRole.COMMAND,
        share: Share | None = None,
    ) -> None:
        self._store = store
        self._workspace_of = workspace_of
        self._clock = clock
        self.sandbox = sandbox
        self._share = share or Share()
        self._timeouts = timeouts or Timeouts()
        self._owner = Owner.register(store, clock.now(), role=role)
        self._renewed = monotonic()
        self._journal = self._make_journal()
        self._ledger = Ledger(store, self._journal)
        self._upkeep = Upkeep(store, self._ledger, self.owner, clock)
        self._replay = Replay(self._ledger, self._journal, self.owner)
        self._watermark = Watermark(store, clock)
        self._composers = EditionComposers(workspace_of().root / "data")
        self._lockstep: dict[str, datetime] = {}
        self._dry: dict[str, tuple[Dry, datetime]] = {}  # and when that was noticed
        self._traffic: dict[str, Traffic] = {}
        self._shift: Shift | None = None
        self._lines: dict[asyncio.Task[None], Line] = {}
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    def _make_journal(self) -> Journal:
        folder = folder_of(self._store, self._workspace_of().root)
        try:
            return Journal.create(folder / f"{self.owner}{SUFFIX}")
        except StoreError:
            self._owner.resign(self._store, self._clock.now())
            raise

    @property
    def owner(self) -> str:
        """This worker's name in the database."""
        return self._owner.name

    async def deliver_due(self, *, limit: int | None = None, patience: float = 0.0) -> DeliverySummary:
        """Deliver what is due, at most ``limit`` mails; returns when nothing is due any more, or may go now.

        ``patience``: seconds that a line waits for its sender's limit, so that it
        keeps its connection. A closed worker delivers nothing. Raises `StoreError`
        if the database cannot be used; no answer that was read before is lost by
        that, `CopyError` if the database turns out to be an older copy, and
        `SenderError` if mail is due in sandbox mode and the sandbox does not run.
        """
        if not self._idle.is_set():
            raise RuntimeError("this worker is delivering already")
        if self._closed:
            return DeliverySummary()
        self._idle.clear()
        try:
            return await self._deliver(limit, patience)
        finally:
            self._shift = None
            self._idle.set()

    async def _deliver(self, limit: int | None, patience: float) -> DeliverySummary:
        workspace = self._workspace_of()
        mode = await self._ledger.read(meta.get_mode)
        shift = self._shift = Shift(
            ledger=self._ledger,
            owner=self.owner,
            clock=self._clock,
            workspace=workspace,
            mode=mode,
            timeouts=self._timeouts,
            composers=self._composers,
            limit=limit,
            patience=patience,
            stopping=self._closed,
            lockstep=self._lockstep,
        )
        await self._renew_if_due()
        await self._replay.run()
        expired = await self._upkeep.run(mode)
        await self._watermark.keep_up(workspace.settings.zone, sending=False)
        await self._follow_rules(shift)
        await self._send_all(shift)
        return DeliverySummary(
            sent=shift.counts[DeliveryState.SENT],
            failed=shift.counts[DeliveryState.FAILED],
            skipped=shift.counts[DeliveryState.SKIPPED],
            canceled=shift.counts[DeliveryState.CANCELED],
            expired=expired,
            uncertain=shift.counts[DeliveryState.UNCERTAIN],
            retried=shift.retried,
            stopped=tuple(shift.stopped[name] for name in sorted(shift.stopped)),
            limited=dict(shift.limited),
        )

    async def close(self, *, grace: float = GRACE) -> None:
        """Stop: no new mark; a body on its way gets ``grace`` seconds for its answer, then it is uncertain.

        Everything else goes back to the queue. The worker cannot be used again.
        """
        if self._closed:
            return
        self._closed = True
        if self._shift is not None:
            self._shift.stopping = True
        lines = dict(self._lines)
        for task, line in lines.items():
            if not line.awaits_answer:
                task.cancel()
        if lines:
            _, late = await asyncio.wait(lines, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*lines, return_exceptions=True)
        await self._idle.wait()  # what is under way still needs the ledger
        try:
            await self._replay.run()
            await self._ledger.write(lambda connection: self._give_all_back(connection))
            await self._end_watermark()
            await asyncio.to_thread(self._owner.resign, self._store, self._clock.now())
        finally:
            self._ledger.close()
            self._journal.close()

    async def _end_watermark(self) -> None:
        try:
            await self._watermark.end(self._workspace_of().settings.zone)
        except CopyError as error:
            log.error("%s", error)

    def _give_all_back(self, connection: Connection) -> None:
        now = self._clock.now()
        if deliveries.recover(connection, [self.owner], now, own=self.owner).uncertain:
            uncertain.tell(connection, meta.get_mode(connection), now)

    async def _renew_if_due(self) -> None:
        if monotonic() - self._renewed >= RENEWAL:
            now = self._clock.now()
            await self._ledger.write(lambda connection: self._owner.renew(connection, now))
            self._renewed = monotonic()

    async def _follow_rules(self, shift: Shift) -> None:
        """What the senders' rules say of uncertain mails; in a restored copy nothing before somebody confirms it."""
        store, settings, mode, now = self._store, shift.workspace.settings, shift.mode, self._clock.now()
        if await self._ledger.read(lambda connection: uncertain.rules_apply(connection, store, settings, mode, now)):
            if mode is Mode.LIVE:
                await self._watermark.before_sending(settings.zone)
            await self._ledger.write(lambda connection: uncertain.follow_rules(connection, store, settings, mode, now))

    async def _send_all(self, shift: Shift) -> None:
        now = self._clock.now()
        shift.limited |= {
            name: dry
            for name, (dry, noticed) in self._dry.items()
            if noticed <= now < min(dry.until, noticed + LOOK_AGAIN)
        }
        posts = await self._posts(shift, but=set())
        if posts and shift.mode is Mode.LIVE:
            await self._watermark.before_sending(shift.workspace.settings.zone)
        if self._closed or not posts:
            return  # `close` has seen all lines already

        async def more() -> dict[str, Post]:
            return {} if self._closed else await self._posts(shift, but=posts.keys())

        await self._until_lines_end(shift, Crew(shift, posts, self._lines, more))
        for sender, post in posts.items():
            if post.stock.dry is not None:
                shift.limited[sender] = post.stock.dry
                self._dry[sender] = post.stock.dry, self._clock.now()
        await self._ledger.write(lambda connection: self._tidy(connection, shift))

    async def _posts(self, shift: Shift, *, but: Collection[str]) -> dict[str, Post]:
        """The senders that have something to do and may."""
        now = self._clock.now()

        def look(connection: Connection) -> list[str]:
            waiting = {
                stopped.sender for stopped in senders.stopped(connection, shift.mode, now)
            } | shift.limited.keys()
            due = deliveries.due_senders(connection, mode=shift.mode, now=now)
            return [name for name in due if name not in waiting and name not in but]

        posts = {}
        for sender, (route, signer) in (await self._routes(shift, await self._ledger.read(look))).items():
            traffic = self._traffic.get(sender)
            if traffic is None or traffic.connections != route.connections:
                traffic = self._traffic[sender] = Traffic(route.connections)
            traffic.begin_round()
            experience = Experience(shift, sender, traffic)
            await experience.refresh()
            stock = Stock(shift, sender, experience, lines=route.connections)
            posts[sender] = Post(sender, route, signer, stock, experience)
        return posts

    async def _until_lines_end(self, shift: Shift, crew: Crew) -> None:
        watching = asyncio.create_task(self._watch_for_copies(shift))
        beside = [watching, asyncio.create_task(self._keep_lease()), asyncio.create_task(self._keep_late_answers())]
        try:
            await crew.work()
        finally:
            for task in beside:
                task.cancel()
            self._lines.clear()
        if watching.done():
            watching.result()

    async def _routes(self, shift: Shift, names: list[str]) -> dict[str, tuple[Route, Signer]]:
        settings, found = shift.workspace.settings, {}
        for name in names:
            sender, root = settings.senders.get(name), shift.workspace.root
            try:
                route = route_for(name, sender, mode=shift.mode, sandbox=self.sandbox, root=root)
                route = replace(route, connections=self._share.of(route.connections))
                if route.connections:
                    found[name] = route, await asyncio.to_thread(_signer, sender, root)
            except (SenderError, SecretError) as error:
                if shift.mode is Mode.SANDBOX and isinstance(error, SenderError):
                    raise
                stop = SenderStop(shift.mode, name, str(error), outage=False, now=self._clock.now(), by_files=True)
                shift.stopped[name] = await self._ledger.write(stop.write)
        return found

    async def _keep_lease(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL / 2)
            if not self._ledger.troubled:
                try:
                    await self._renew_if_due()
                except StoreError as error:
                    log.warning("the lease of this worker could not be renewed: %s", error)

    async def _watch_for_copies(self, shift: Shift) -> None:
        """Another copy of the database that goes further stops this round."""
        while True:
            await asyncio.sleep(RENEWAL / 2)
            try:
                await self._watermark.keep_up(shift.workspace.settings.zone, sending=True)
            except CopyError:
                shift.stopping = True
                raise
            except StoreError as error:
                log.warning("the number of this database could not be raised: %s", error)

    async def _keep_late_answers(self) -> None:
        while True:
            await asyncio.sleep(LATE)
            for line in self._lines.values():
                line.keep_late_answer()

    def _tidy(self, connection: Connection, shift: Shift) -> None:
        now = self._clock.now()
        uncertain.follow_rules(connection, self._store, shift.workspace.settings, shift.mode, now)
        editions.finish_drained(connection, mode=shift.mode, now=now)


def _signer(sender: Sender | None, root: Path) -> Signer:
    return Signer.from_settings(sender, root=root) if sender else Signer(())
