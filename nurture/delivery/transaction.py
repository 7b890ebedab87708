"""One mail over one connection, phase by phase (RFC 5321 3.3).

The mark is written after the 354 and before the first byte of the body. So a
try that ended before its mark is safe to repeat, and one that ended after it
without an answer is uncertain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from nurture.delivery.connection import BrokenConnectionError, PathError, SmtpConnection, wire_body
from nurture.delivery.dialing import DialError
from nurture.delivery.messages import OutgoingMessage
from nurture.delivery.relay_ids import relay_id
from nurture.delivery.replies import Reply, Slows, deciding_rule, judge
from nurture.delivery.traffic import LONG
from nurture.store.attempts import Attempt, AttemptEnd, ClaimedDelivery
from nurture.vocabulary import AttemptOutcome, AttemptPhase, Verdict

OUTCOME_OF = {
    Verdict.SENT: AttemptOutcome.SENT,
    Verdict.RETRY: AttemptOutcome.RETRY,
    Verdict.FAIL_MESSAGE: AttemptOutcome.FAILED,
    Verdict.FAIL_ADDRESS: AttemptOutcome.FAILED,
    Verdict.STOP_SENDER: AttemptOutcome.STOPPED,
}
_ENVELOPE = (AttemptPhase.MAIL, AttemptPhase.RCPT, AttemptPhase.DATA)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a try ended: for the log, and what it means."""

    end: AttemptEnd
    verdict: Verdict | None = None  # None: no answer was read, or the worker gave up
    slows: Slows | None = None  # who shall get fewer mails for a while
    renews: bool = False  # a new session may take the mail at once

    @property
    def words(self) -> str:
        """The server's words."""
        return self.end.answer or ""


class Exchange:
    """One mail's commands and answers; it knows nothing of the database.

    ``phase`` says how far it got; ``offered`` whether its whole envelope was
    written without waiting for answers.
    """

    def __init__(self, message: OutgoingMessage) -> None:
        self.message = message
        self.phase = AttemptPhase.CONNECT
        self.offered = False
        self.waited = 0.0  # seconds for its answers
        self.brake: str | None = None  # why its answer holds the edition
        self.is_counted = False  # by the brake

    def offer(self, connection: SmtpConnection, body: bytes = b"") -> None:
        """Write ``body`` of the mail before, and right behind it the envelope (RFC 2920 3.1) if it is fit for that."""
        commands = self._commands(connection)
        if isinstance(commands, Ending):
            connection.send(body)
            return
        connection.send(body, *commands)
        self.offered = True

    async def accept(self, connection: SmtpConnection, *, at_once: bool) -> Ending | None:
        """Bring the envelope to the 354; an ending where it is refused.

        ``at_once``: all three commands in one write. Raises `BrokenConnectionError`
        if the connection ends before anything of it was refused.
        """
        self.phase = AttemptPhase.MAIL
        commands = self._commands(connection)
        if isinstance(commands, Ending):
            return commands
        if at_once and not self.offered:
            self.offer(connection)
        refused: tuple[AttemptPhase, Reply] | None = None
        try:
            for phase, command in zip(_ENVELOPE, commands, strict=True):
                if refused is None:
                    self.phase = phase
                if not self.offered:
                    connection.send(command)
                seconds = connection.timeouts.data if phase is AttemptPhase.DATA else connection.timeouts.command
                reply = await connection.answer(seconds)
                if refused is None and not _is_good(phase, reply):
                    refused = phase, reply
                    if not self.offered:
                        break
            if refused is None:
                return None
            await self._leave(connection, refused, reply)
        except BrokenConnectionError:
            if refused is None:
                raise
        if connection.reports and connection.is_open and _is_about_parameters(*refused):
            # it offers DSN and cannot do it: asked once, then no more on this connection
            connection.reports = self.offered = False
            return await self.accept(connection, at_once=at_once)
        return self._answered(*refused)

    async def answered(self, connection: SmtpConnection) -> Ending:
        """The answer to the body, or the lack of one."""
        self.phase = AttemptPhase.BODY
        try:
            reply = await connection.answer(connection.timeouts.body)
        except BrokenConnectionError as error:
            return _uncertain(str(error))
        if reply.code // 100 not in (2, 4, 5):
            connection.close()
            return _uncertain(f"after the body the server said {reply.code} {reply.text}, which is no answer")
        connection.carried += reply.code // 100 == 2
        return self._answered(AttemptPhase.BODY, reply)

    @property
    def wire(self) -> bytes:
        """The body as it goes out after the 354."""
        return wire_body(self.message.raw)

    def given_up(self, words: str) -> Ending:
        """We end it ourselves: uncertain once the body is on its way, else put back."""
        if self.phase is AttemptPhase.BODY:
            return _uncertain(words)
        return Ending(AttemptEnd(AttemptOutcome.ABANDONED, self.phase, answer=words))

    def _commands(self, connection: SmtpConnection) -> tuple[bytes, bytes, bytes] | Ending:
        message, limit = self.message, connection.size_limit
        size = len(message.raw)
        if limit is not None and size > limit:
            return self._refused_here(f"the mail has {size} octets, the mail server takes {limit} (SIZE)")
        try:
            return connection.envelope(
                message.envelope_from,
                message.envelope_to,
                message_id=message.message_id,
                size=size,
                international=not message.raw.isascii(),
            )
        except PathError as error:
            return self._refused_here(str(error))

    async def _leave(self, connection: SmtpConnection, refused: tuple[AttemptPhase, Reply], last: Reply) -> None:
        """After a refusal: make the connection ready for another envelope."""
        phase, reply = refused
        if self.offered and phase is not AttemptPhase.DATA and last.code == 354:
            # RFC 2920 3.1: it waits for a body all the same; an empty one to nobody, its answer says nothing
            connection.send(b".\r\n")
            await connection.answer(connection.timeouts.body)
        elif phase is AttemptPhase.DATA and reply.code // 100 == 2:  # neither yes nor no: the two sides lost step
            connection.close()
        if connection.is_open:
            await connection.reset()

    def _answered(self, phase: AttemptPhase, reply: Reply) -> Ending:
        verdict = judge(phase, reply.code, reply.enhanced, reply.text)
        taken_as = relay_id(reply.text) if verdict is Verdict.SENT else None
        end = AttemptEnd(OUTCOME_OF[verdict], phase, reply.code, reply.enhanced, reply.text or None, taken_as)
        rule = None if verdict is Verdict.SENT else deciding_rule(phase, reply)
        return Ending(end, verdict, rule.slows if rule else None, renews=rule is not None and rule.renews)

    def _refused_here(self, words: str) -> Ending:
        return Ending(AttemptEnd(AttemptOutcome.FAILED, AttemptPhase.MAIL, answer=words), Verdict.FAIL_MESSAGE)


class Transaction(Exchange):
    """A try of a delivery that was begun. ``opens`` is the reader's window (`opening.opens`)."""

    def __init__(
        self,
        claimed: ClaimedDelivery,
        attempt: Attempt,
        message: OutgoingMessage,
        opens: Callable[[datetime], datetime],
    ) -> None:
        super().__init__(message)
        self.claimed = claimed
        self.attempt = attempt
        self.opens = opens


def broken(phase: AttemptPhase, words: str) -> Ending:
    """The connection ended before the body: tried again."""
    return Ending(AttemptEnd(AttemptOutcome.RETRY, phase, answer=words), Verdict.RETRY)


def _uncertain(words: str) -> Ending:
    return Ending(AttemptEnd(AttemptOutcome.UNCERTAIN, AttemptPhase.BODY, answer=words))


def _is_good(phase: AttemptPhase, reply: Reply) -> bool:
    return reply.code == 354 if phase is AttemptPhase.DATA else reply.code // 100 == 2


def _is_about_parameters(phase: AttemptPhase, reply: Reply) -> bool:
    """RFC 5321 4.2.2 and 4.1.1.11, RFC 3461 4: a parameter is refused, not an address (5.1.x)."""
    about_address = reply.enhanced is not None and reply.enhanced.startswith("5.1.")
    return phase is not AttemptPhase.DATA and reply.code in (501, 504, 555) and not about_address


def not_dialed(current: Transaction, error: DialError) -> Ending:
    """No session came about: the sender must wait, and nobody is blamed."""
    current.phase = AttemptPhase.CONNECT
    reply = error.reply
    end = AttemptEnd(
        AttemptOutcome.STOPPED,
        AttemptPhase.CONNECT,
        reply.code if reply else None,
        reply.enhanced if reply else None,
        error.words,
    )
    return Ending(end, Verdict.STOP_SENDER if error.refused else Verdict.RETRY)


def is_stale(ending: Ending, waited: float) -> bool:
    """A server ends a session between two mails: nobody's fault, and no try.

    Silence after RCPT is none: MAIL was answered, so the session lived.
    """
    end = ending.end
    silent = end.phase is AttemptPhase.RCPT and end.code is None and waited >= LONG
    return end.phase in (AttemptPhase.MAIL, AttemptPhase.RCPT) and end.code in (None, 421) and not silent
