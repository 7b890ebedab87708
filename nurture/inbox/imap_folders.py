"""Folders of an IMAP account: found by name or by use, opened for reading only."""

from __future__ import annotations

import re
from dataclasses import dataclass

from imap_tools.imap_utf7 import utf7_decode, utf7_encode

from nurture.inbox.imap_client import BoundedImap

# RFC 6154 2, and names that servers use which do not say so. A folder of exactly the wanted name goes before.
_USES = {
    "junk": (rb"\junk", ("junk", "spam", "junk e-mail", "junk email", "bulk mail", "inbox.junk", "inbox.spam")),
    "sent": (rb"\sent", ("sent", "sent items", "sent messages", "sent mail", "inbox.sent")),
    "archive": (rb"\archive", ("archive", "archives", "inbox.archive")),
    "trash": (rb"\trash", ("trash", "deleted items", "deleted messages", "inbox.trash")),
}
# RFC 6154 2: what came from outside lies there, too
_OF_OTHERS = ("junk", "archive", "trash")
_ALL = frozenset((rb"\all", rb"\flagged", rb"\important"))
_NO_MAIL = (rb"\noselect", rb"\nonexistent")  # RFC 9051 7.3.1
_LISTED = re.compile(rb'\(([^)]*)\) (?:NIL|"(?:\\.|[^"\\])*") (.+)', re.DOTALL)
_NUMBERS = re.compile(rb"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class ListedFolder:
    """A folder as the server names it: ``wire`` is its name in modified UTF-7, unquoted."""

    wire: bytes
    flags: frozenset[bytes]  # in lower case

    @property
    def name(self) -> str:
        """Its name for people, and in the database."""
        try:
            return utf7_decode(self.wire)
        except ValueError:  # no UTF-7; still a name
            return self.wire.decode("ascii", "backslashreplace")

    @property
    def holds_mail(self) -> bool:
        """Whether it can be opened."""
        return not self.flags.intersection(_NO_MAIL)


@dataclass(frozen=True, slots=True)
class OpenFolder:
    """What the server says when a folder is opened; None: it does not say."""

    uid_validity: int | None
    uid_next: int | None


def list_folders(client: BoundedImap) -> tuple[ListedFolder, ...]:
    """All folders of the account; one whose line cannot be read is left out."""
    returning = ("RETURN (SPECIAL-USE)",) if "SPECIAL-USE" in client.capabilities else ()
    client.untagged_responses.clear()
    answer, words = client._simple_command("LIST", '""', '"*"', *returning)  # noqa: SLF001 - imaplib knows no RETURN
    if answer != "OK" and returning:
        answer, words = client._simple_command("LIST", '""', '"*"')  # noqa: SLF001
    if answer != "OK":
        raise client.error(f"LIST is refused: {words!r}")
    lines = client.untagged_responses.pop("LIST", [])
    found: list[ListedFolder] = []
    for line in lines:
        # a name with odd characters comes as a literal, after its line
        head, literal = line if isinstance(line, tuple) else (line, None)
        matched = _LISTED.fullmatch(head)
        if matched is not None:
            wire = literal if literal is not None else _unquoted(matched[2])
            found.append(ListedFolder(wire, frozenset(matched[1].lower().split())))
    return tuple(found)


def _unquoted(name: bytes) -> bytes:
    if name.startswith(b'"') and name.endswith(b'"') and len(name) > 1:
        return re.sub(rb"\\(.)", rb"\1", name[1:-1])
    return name


def find_folder(wanted: str, listed: tuple[ListedFolder, ...]) -> ListedFolder | None:
    """The folder that the clinic means: by name, else by use (RFC 6154), else by a usual name."""
    wire = utf7_encode(wanted)
    by_name = {folder.wire: folder for folder in listed if folder.holds_mail}
    if wanted.upper() == "INBOX":
        return next(
            (folder for folder in listed if folder.wire.upper() == b"INBOX"), ListedFolder(b"INBOX", frozenset())
        )
    if wire in by_name:
        return by_name[wire]
    use, names = _USES.get(wanted.lower(), (None, ()))
    by_use = [folder for folder in by_name.values() if use in folder.flags]
    if by_use:
        return by_use[0]
    in_lower_case = {folder.wire.decode("ascii", "replace").lower(): folder for folder in reversed(by_name.values())}
    return next((in_lower_case[name] for name in names if name in in_lower_case), None)


def may_be_missing(wanted: str) -> bool:
    """Whether it is named for its use, so that a mailbox without one is nothing to worry about."""
    return wanted.lower() in _USES


def mail_comes_into(wanted: str, flags: frozenset[bytes] = frozenset()) -> bool:
    """Whether mail from outside lies in the folder that the clinic names so, or that the server flags so.

    Who looks for spam or tidies up moves it there; so nothing in it is the clinic's because it says so.
    """
    name = wanted.lower()
    uses = [_USES[each] for each in _OF_OTHERS]
    return (
        name == "inbox"
        or name in _OF_OTHERS
        or any(name in names or flag in flags for flag, names in uses)
        or not _ALL.isdisjoint(flags)
    )


def open_folder(client: BoundedImap, folder: ListedFolder) -> OpenFolder | None:
    """EXAMINE, which can change nothing (RFC 9051 6.3.3); None if the server refuses."""
    quoted = b'"' + folder.wire.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
    answer, _ = client.select(quoted, readonly=True)  # type: ignore[arg-type]
    if answer != "OK":
        return None
    return OpenFolder(_number(client, "UIDVALIDITY"), _number(client, "UIDNEXT"))


def _number(client: BoundedImap, name: str) -> int | None:
    said = client.untagged_responses.get(name, [None])[-1]
    found = _NUMBERS.fullmatch(said) if isinstance(said, bytes) else None
    return int(found[0]) or None if found else None
