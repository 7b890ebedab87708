"""FETCH: sizes first, then octets, in answers that cannot grow beyond what was asked. Nothing is marked as read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nurture.inbox.imap_client import BoundedImap

_MESSAGE = re.compile(rb"[0-9]+ \(")
_UID = re.compile(rb"\bUID ([0-9]{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE ([0-9]{1,19})\b")
_DATE = re.compile(rb'\bINTERNALDATE "([^"]{1,40})"')
_STRING = re.compile(rb'"(?:\\.|[^"\\])*"', re.DOTALL)
# a body that is no literal: quoted, or NIL where it is empty (RFC 9051 9, nstring)
_QUOTED = re.compile(rb'\bBODY\[(?:HEADER)?\](?:<[0-9]+>)? (?:NIL|"((?:\\.|[^"\\])*)")', re.DOTALL)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class ListedMail:
    """A mail before it is fetched. ``size`` is the server's word only; ``received_at`` is UTC, None if not told."""

    uid: int
    size: int
    received_at: datetime | None


class RefusedError(Exception):
    """The server says no to a command; the connection is as it was."""


def search_after(client: BoundedImap, uid: int, since: datetime) -> list[int]:
    """The UIDs after ``uid`` of mails that arrived at ``since`` or later, by days, in their order."""
    # the server's day may begin half a day before ours; `n:*` always names the last mail, too (RFC 9051 9, seq-range)
    day = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
    words = _command(client, "SEARCH", f"UID {uid + 1}:* SINCE {day}")
    numbers = (int(word) for line in words if isinstance(line, bytes) for word in line.split() if word.isdigit())
    return sorted({number for number in numbers if number > uid})


def list_mails(client: BoundedImap, uids: Sequence[int]) -> list[ListedMail]:
    """Sizes and dates; mails that are gone are left out. Raises `RefusedError` if the server leaves out others."""
    answers = _command(client, "FETCH", _set(uids), "(UID RFC822.SIZE INTERNALDATE)")
    listed = {}
    for head, _ in _messages(answers):
        uid, size = _UID.search(head), _SIZE.search(head)
        if uid and size:
            listed[int(uid[1])] = ListedMail(int(uid[1]), int(size[1]), _instant(head))
    _must_be_gone(client, [uid for uid in uids if uid not in listed])
    return [listed[uid] for uid in uids if uid in listed]


def fetch_octets(client: BoundedImap, uids: Sequence[int], *, at_most: int) -> dict[int, bytes]:
    """The first octets of each mail; as `list_mails`."""
    found = _bodies(_command(client, "FETCH", _set(uids), f"(UID BODY.PEEK[]<0.{at_most}>)"))
    _must_be_gone(client, [uid for uid in uids if uid not in found])
    return found


def fetch_head(client: BoundedImap, uid: int, *, at_most: int) -> bytes | None:
    """The header fields of a mail whose body cannot be fetched."""
    return _bodies(_command(client, "FETCH", str(uid), f"(UID BODY.PEEK[HEADER]<0.{at_most}>)")).get(uid)


def _must_be_gone(client: BoundedImap, uids: Sequence[int]) -> None:
    """Some servers leave out what they cannot read and say OK; such a mail is not gone."""
    if not uids:
        return
    words = _command(client, "SEARCH", f"UID {_set(uids)}")
    there = {word for line in words if isinstance(line, bytes) for word in line.split()}
    left_out = [uid for uid in uids if str(uid).encode() in there]
    if left_out:
        raise RefusedError(f"the server leaves out UID {left_out[0]}")


def _command(client: BoundedImap, name: str, *words: str) -> list[bytes | tuple[bytes, bytes] | None]:
    client.untagged_responses.clear()  # what other programs did meanwhile is told at any time
    answer, data = client.uid(name, *words)
    if answer != "OK":
        raise RefusedError(f"{name}: {answer} {data!r}"[:300])
    return list(data)


def _set(uids: Iterable[int]) -> str:
    return ",".join(map(str, uids))


def _messages(answers: list[bytes | tuple[bytes, bytes] | None]) -> Iterator[tuple[bytes, bytes | None]]:
    """The parts of each message's answer put together: all that is no literal, and its literal."""
    head, body = b"", None
    for part in answers:
        text, literal = part if isinstance(part, tuple) else (part or b"", None)
        if _MESSAGE.match(text):
            if head:
                yield head, body
            head, body = b"", None
        head += text
        body = literal if literal is not None else body
    if head:
        yield head, body


def _bodies(answers: list[bytes | tuple[bytes, bytes] | None]) -> dict[int, bytes]:
    found = {}
    for head, literal in _messages(answers):
        # what stands in quotes may be a stranger's words
        uid, body = _UID.search(_STRING.sub(b'""', head)), literal
        if body is None and (quoted := _QUOTED.search(head)):
            body = re.sub(rb"\\(.)", rb"\1", quoted[1] or b"")
        if uid and body is not None:  # else it is about flags that another program set
            found[int(uid[1])] = body
    return found


def _instant(head: bytes) -> datetime | None:
    found = _DATE.search(head)
    if found is None:
        return None
    try:
        return datetime.strptime(found[1].decode("ascii").strip(), "%d-%b-%Y %H:%M:%S %z").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
