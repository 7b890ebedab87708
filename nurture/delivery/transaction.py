"""One mail over one connection, phase by phase (RFC 5321 3.3).

The mark is written after the 354 and before the first byte of the body. So a
try that ended before its mark is safe to repeat, and one that ended after it
without an answer is uncertain.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nurture.delivery.connection import BrokenConnectionError, PathError, SmtpConnection, needs_utf8, wire_body
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.replies import Reply, judge
from nurture.store.attempts import AttemptEnd
from nurture.store.gate import Refusal
from nurture.vocabulary import AttemptOutcome, AttemptPhase, Verdict

OUTCOME_OF = {
    Verdict.SENT: AttemptOutcome.SENT,
    Verdict.RETRY: AttemptOutcome.RETRY,
    Verdict.FAIL_MESSAGE: AttemptOutcome.FAILED,
    Verdict.FAIL_ADDRESS: AttemptOutcome.FAILED,
    Verdict.STOP_SENDER: AttemptOutcome.STOPPED,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a try ended: for the log, and what it means."""

    end: AttemptEnd
    verdict: Verdict | None = None  # None: no answer was read, or the worker gave up

    @property
    def words(self) -> str:
        """The server's words."""
        return self.end.answer or ""


class MarkRefusedError(Exception):
    """The last gate is shut; the mark has settled the delivery."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class Transaction:
    """A try that was begun. ``phase`` says how far it got, ``ending`` how it ended once that is known."""

    def __init__(self, message: OutgoingMessage, mark: Callable[[], Awaitable[Refusal | None]]) -> None:
        self.message = message
        self.phase = AttemptPhase.CONNECT
        self.ending: Ending | None = None
        self._mark = mark

    async def run(self, connection: SmtpConnection) -> Ending:
        """Send the mail; the connection is left ready for the next one, or closed.

        Raises `MarkRefusedError`, and what the mark itself raises; then the
        connection is closed and nothing of the body has left.
        """
        try:
            self.ending = await self._envelope(connection) or await self._body(connection)
        except BrokenConnectionError as error:
            outcome = AttemptOutcome.UNCERTAIN if self.phase is AttemptPhase.BODY else AttemptOutcome.RETRY
            verdict = None if self.phase is AttemptPhase.BODY else Verdict.RETRY
            self.ending = Ending(AttemptEnd(outcome, self.phase, answer=str(error)), verdict)
        return self.ending

    async def _envelope(self, connection: SmtpConnection) -> Ending | None:
        """MAIL, RCPT, DATA; an ending where one is refused."""
        message = self.message
        self.phase = AttemptPhase.MAIL
        size = len(message.raw)
        limit = connection.size_limit
        if limit is not None and size > limit:
            return self._refused_here(f"the mail has {size} octets, the mail server takes {limit} (SIZE)")
        try:
            utf8 = needs_utf8(message.envelope_from, message.envelope_to)
            reply = await connection.mail(message.envelope_from, size=size, utf8=utf8)
            if reply.code // 100 == 2:
                self.phase = AttemptPhase.RCPT
                reply = await connection.rcpt(message.envelope_to)
        except PathError as error:
            await connection.reset()
            return self._refused_here(str(error))
        if reply.code // 100 == 2:
            self.phase = AttemptPhase.DATA
            reply = await connection.data()
            if reply.code == 354:
                return None
            if reply.code // 100 == 2:  # neither yes nor no: the two sides lost step
                connection.close()
        if connection.is_open:
            await connection.reset()
        return self._answered(reply)

    async def _body(self, connection: SmtpConnection) -> Ending:
        wire = wire_body(self.message.raw)
        try:
            refusal = await self._mark()
        except BaseException:
            connection.close()
            raise
        if refusal is not None:
            # after an accepted RCPT only a closed connection means "no mail"
            connection.close()
            raise MarkRefusedError(refusal)
        if not connection.is_open:
            raise BrokenConnectionError("the server closed the connection before the body")
        self.phase = AttemptPhase.BODY
        reply = await connection.body(wire)
        if reply.code // 100 not in (2, 4, 5):
            connection.close()
            raise BrokenConnectionError(f"after the body the server said {reply.code} {reply.text}, which is no answer")
        return self._answered(reply)

    def _answered(self, reply: Reply) -> Ending:
        verdict = judge(self.phase, reply.code, reply.enhanced, reply.text)
        end = AttemptEnd(OUTCOME_OF[verdict], self.phase, reply.code, reply.enhanced, reply.text or None)
        return Ending(end, verdict)

    def _refused_here(self, words: str) -> Ending:
        return Ending(AttemptEnd(AttemptOutcome.FAILED, self.phase, answer=words), Verdict.FAIL_MESSAGE)
