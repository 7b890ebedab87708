"""What arrived in the mailbox, and how far each folder was read: written together, so neither can get ahead."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects import postgresql, sqlite

from nurture.store.inserting import insert
from nurture.store.schema import inbound, mailbox_folder
from nurture.vocabulary import MailKind, Mode


@dataclass(frozen=True, slots=True)
class FolderPosition:
    """How far a folder was read (RFC 9051 2.3.1.1). What the mailbox got before ``since`` (UTC) is not taken in.

    In a Maildir both numbers are 0.
    """

    account: str
    folder: str
    uid_validity: int
    uid: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """What a mail says, and to whom and what it belongs; not kept of mail that has nothing to do with us."""

    sender: str | None
    subject: str | None
    message_id: str | None
    why: str
    judgement: Mapping[str, Any]
    text: str | None
    matched_by: str | None = None
    delivery_id: int | None = None
    contact_id: int | None = None
    organization_id: int | None = None


@dataclass(frozen=True, slots=True)
class InboundMail:
    """A mail that was taken in. ``key`` is of its content; instants are UTC; ``id`` is 0 before it is stored."""

    mode: Mode
    key: str
    account: str
    folder: str
    uid_validity: int
    uid: int
    file_name: str
    received_at: datetime
    taken_at: datetime
    kind: MailKind
    cut: bool
    content: Content | None
    id: int = 0


_IN_ITSELF = tuple(each for each in InboundMail.__dataclass_fields__ if each not in ("content", "id"))
_IN_CONTENT = tuple(Content.__dataclass_fields__)
_INSERT = {
    name: construct(inbound).on_conflict_do_nothing(index_elements=["key"]).returning(inbound.c.key)
    for name, construct in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
_KNOWN = sa.select(inbound.c.key).where(inbound.c.key.in_(sa.bindparam("keys", expanding=True)))
_KNOWN_FILES = sa.select(inbound.c.file_name).where(
    inbound.c.account == sa.bindparam("account"),
    inbound.c.folder == sa.bindparam("folder"),
    inbound.c.file_name.in_(sa.bindparam("names", expanding=True)),
)


def positions(connection: Connection, account: str) -> dict[str, FolderPosition]:
    """How far each folder of an account was read, by the folder's name."""
    rows = connection.execute(sa.select(mailbox_folder).where(mailbox_folder.c.account == account))
    return {row.folder: FolderPosition(*row) for row in rows}


def move_to(connection: Connection, position: FolderPosition) -> None:
    """The folder was read up to here. If two readers set each other back, they only look twice at the same mails."""
    statement = insert(connection, mailbox_folder).values(dataclasses.asdict(position))
    moved = {"uid_validity": position.uid_validity, "uid": position.uid}
    connection.execute(statement.on_conflict_do_update(index_elements=["account", "folder"], set_=moved))


def known(connection: Connection, keys: Sequence[str]) -> frozenset[str]:
    """Those of these keys whose mail was taken in before."""
    return frozenset(connection.execute(_KNOWN, {"keys": keys}).scalars())


def known_files(connection: Connection, account: str, folder: str, names: Sequence[str]) -> frozenset[str]:
    """Those of these files of a Maildir folder that were taken in before."""
    asked = {"account": account, "folder": folder, "names": names}
    return frozenset(connection.execute(_KNOWN_FILES, asked).scalars())


def record(connection: Connection, mails: Iterable[InboundMail]) -> frozenset[str]:
    """Write mails down; the keys of those that nobody wrote down before. Twice equals once."""
    rows = [_row(mail) for mail in mails]
    if not rows:
        return frozenset()
    return frozenset(connection.execute(_INSERT[connection.dialect.name], rows).scalars())


def _row(mail: InboundMail) -> dict[str, Any]:
    content = mail.content
    row = {name: getattr(mail, name) for name in _IN_ITSELF}
    return row | {name: None if content is None else getattr(content, name) for name in _IN_CONTENT}


def latest(
    connection: Connection, *, mode: Mode, kind: MailKind | None = None, limit: int = 50
) -> tuple[InboundMail, ...]:
    """The mails that arrived last, the newest first."""
    query = sa.select(inbound).where(inbound.c.mode == mode)
    if kind is not None:
        query = query.where(inbound.c.kind == kind)
    rows = connection.execute(query.order_by(inbound.c.received_at.desc(), inbound.c.id.desc()).limit(limit))
    return tuple(map(_mail, rows.mappings()))


def find(connection: Connection, number: int) -> InboundMail | None:
    """The mail with this number; None if there is none."""
    row = connection.execute(sa.select(inbound).where(inbound.c.id == number)).mappings().one_or_none()
    return None if row is None else _mail(row)


def _mail(row: sa.RowMapping) -> InboundMail:
    content = None if row["why"] is None else Content(**{name: row[name] for name in _IN_CONTENT})
    itself = {name: row[name] for name in _IN_ITSELF}
    return InboundMail(
        **{**itself, "mode": Mode(row["mode"]), "kind": MailKind(row["kind"])}, content=content, id=row["id"]
    )


def forget_words(connection: Connection, *, before: datetime) -> int:
    """Empty what people wrote before then; of how many mails."""
    said = sa.or_(inbound.c.text.is_not(None), inbound.c.subject.is_not(None))
    emptied = sa.update(inbound).where(inbound.c.received_at < before, said).values(text=None, subject=None)
    return connection.execute(emptied).rowcount


def forget_contact(connection: Connection, contact_id: int, delivery_ids: sa.ScalarSelect[int]) -> None:
    """Of mails by a contact, or about mails to it, only key, kind and time stay."""
    mine = sa.or_(inbound.c.contact_id == contact_id, inbound.c.delivery_id.in_(delivery_ids))
    empty = {name: sa.null() for name in _IN_CONTENT}
    connection.execute(sa.update(inbound).where(mine).values(empty))
