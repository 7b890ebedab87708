"""Two servers of opens and clicks, each in a process: ``python -m benchmarks.hit_servers nurture|orm FOLDER``.

The port is the first line of output; SIGTERM ends them in order.
"""

from __future__ import annotations

import gc
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from nurture.service.house import open_house
from nurture.web.readers import ReaderPages
from nurture.web.server import Bounds, serve

_BOUNDS = Bounds(connections=500, lifetime=60)


class Base(DeclarativeBase):
    """Of the plain way."""


class Mail(Base):
    """One mail and where its links lead."""

    __tablename__ = "mail"
    id: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[str]


class Hit(Base):
    """One click."""

    __tablename__ = "hit"
    id: Mapped[int] = mapped_column(primary_key=True)
    mail_id: Mapped[int] = mapped_column(sa.ForeignKey("mail.id"), index=True)
    link: Mapped[int]
    at: Mapped[datetime]
    agent: Mapped[str]


def orm_app(folder: Path, mails: int) -> ASGIApp:
    """What a careful beginner writes: look the mail up, add a row, commit, redirect; a thread for each request."""
    folder.mkdir(parents=True)
    engine = sa.create_engine(f"sqlite:///{folder}/hits.db", connect_args={"timeout": 30}, pool_size=50)

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: object, _: object) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]

    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Mail(id=number, target="https://riverbend.example/") for number in range(mails))
        session.commit()

    def click(request: Request) -> Response:
        with Session(engine) as session:
            mail = session.get_one(Mail, request.path_params["mail"])
            agent = request.headers.get("user-agent", "")
            session.add(Hit(mail_id=mail.id, link=request.path_params["link"], at=datetime.now(UTC), agent=agent))
            session.commit()
            return RedirectResponse(mail.target, 302, {"Connection": "close"})

    return Starlette(routes=[Route("/c/{mail:int}/{link:int}", click)])


def main() -> None:
    """Serve until SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    which, folder = sys.argv[1], Path(sys.argv[2])
    if which == "orm":
        app = orm_app(folder, int(sys.argv[3]))
        gc.collect()
        gc.freeze()
        server = serve(app, host="127.0.0.1", port=0, bounds=_BOUNDS)
        print(server.port, flush=True)
        stop.wait()
        server.stop()
        return
    with open_house(folder) as house:
        gc.collect()
        gc.freeze()  # as `service.pages` does
        pages = ReaderPages(house.store, house.data, lambda: house.workspace.settings, house.clock)
        server = serve(pages, host="127.0.0.1", port=0, bounds=_BOUNDS, brief=pages.brief)
        print(server.port, flush=True)
        stop.wait()
        server.stop()
        pages.close()


if __name__ == "__main__":
    main()
