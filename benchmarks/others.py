"""The same newsletter sent without nurture's engine: naively, and as good practice has it.

``python -m benchmarks.others naive|good MAILS PORT``; the answer is JSON on one line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import aiosmtplib
import dkim
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.composing import Naive, edition, readers
from benchmarks.outbox import CONNECTIONS
from nurture.composing.dkim import SIGNED_FIELDS, Signer
from nurture.composing.dkim_keys import new_keys
from nurture.composing.message import Composer
from nurture.composing.recipient import Recipient
from nurture.delivery.event_loop import run_async

BATCH = 500  # rows of the log written together
_AT = datetime(2026, 12, 1, 17, 30, tzinfo=UTC)


class _Base(DeclarativeBase):
    pass


class Sent(_Base):
    """One row of their log."""

    __tablename__ = "sent"
    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str]
    message_id: Mapped[str] = mapped_column(unique=True)
    answer: Mapped[str]


async def naive(people: list[Recipient], port: int, engine: sa.Engine) -> None:
    """What a careful beginner writes, one mail after the other.

    Jinja, MJML and ``EmailMessage`` for each mail, dkimpy, a connection and an ORM commit of its own.
    """
    content = edition()
    composer = Naive(content)
    pem = new_keys("riverbend.example", "bench")[0].pem.encode()
    sender = content.shared["sender"]["address"]
    for person in people:
        raw = composer.compose(person)
        signature = dkim.sign(raw, b"bench", b"riverbend.example", pem, include_headers=list(SIGNED_FIELDS))
        _, answer = await aiosmtplib.send(
            signature + raw, sender=sender, recipients=[person.address], hostname="127.0.0.1", port=port
        )
        with Session(engine) as session:
            session.add(Sent(address=person.address, message_id=person.message_id, answer=answer))
            session.commit()


async def good(people: list[Recipient], port: int, engine: sa.Engine) -> None:
    """What an experienced developer writes: all of our composing and signing, and plain sending.

    Sixteen kept connections of aiosmtplib take finished bytes; the log is written in batches, after sending.
    Whatever is killed in between is sent again, or forgotten: it promises nothing.
    """
    content = edition()
    composer, signer = Composer(content), Signer([new_keys("riverbend.example", "bench")[0]])
    waiting: Iterator[Recipient] = iter(people)
    rows: list[dict[str, str]] = []

    def write() -> None:
        with engine.begin() as connection:
            connection.execute(sa.insert(Sent), rows)
        rows.clear()

    async def line() -> None:
        smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=port)
        await smtp.connect()
        for person in waiting:
            message = composer.compose(person)
            raw = signer.sign(message.raw, at=_AT) + message.raw
            _, answer = await smtp.sendmail(message.envelope_from, [message.envelope_to], raw)
            rows.append({"address": person.address, "message_id": person.message_id, "answer": answer})
            if len(rows) >= BATCH:
                write()
        await smtp.quit()

    await asyncio.gather(*(line() for _ in range(CONNECTIONS)))
    if rows:
        write()


def main() -> None:
    """Send and say what it cost; ``cpu`` is in seconds."""
    way, mails, port = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    some = readers(edition(), 1)
    people = [
        replace(some[number % len(some)], message_id=f"<{number}.bench@riverbend.example>") for number in range(mails)
    ]
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as folder:
        engine = sa.create_engine(f"sqlite:///{Path(folder) / 'log.db'}")
        _Base.metadata.create_all(engine)
        began = time.process_time()
        run_async((naive if way == "naive" else good)(people, port, engine))
        cpu = time.process_time() - began
        with engine.connect() as connection:
            written = connection.scalar(sa.select(sa.func.count()).select_from(Sent))
        engine.dispose()
    if written != mails:
        raise AssertionError(f"{written} of {mails} mails are in the log")
    print(json.dumps({"sent": mails, "cpu": cpu}))


if __name__ == "__main__":
    main()
