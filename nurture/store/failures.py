"""What a failure of the database means, in words for people.

Only failures that an operator can mend are translated. A broken statement or a
violated constraint is a bug, or something the caller expects, and stays raw.
"""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa

from nurture.errors import StoreError, StoreFullError, StoreLockedError, StoreMissingError

# Extended codes carry the primary one in their low byte (sqlite.org/rescode.html).
_PRIMARY = 0xFF


def translate(error: sa.exc.DBAPIError, place: str, *, writing: bool) -> StoreError | None:
    """The error to raise instead of ``error``, or None if it must stay raw.

    ``place`` names the database for people; it never holds a password. A write
    that is refused where only reading was promised (not ``writing``) is a bug.
    """
    if isinstance(error.orig, sqlite3.Error):
        return sqlite_failure(error.orig, place, writing=writing)
    return _postgresql_failure(error, place, writing=writing)


def sqlite_failure(error: sqlite3.Error, place: str, *, writing: bool) -> StoreError | None:
    """As `translate`, for an error of the driver itself."""
    extended = getattr(error, "sqlite_errorcode", 0)
    if extended == sqlite3.SQLITE_READONLY and not writing:
        return None
    code = extended & _PRIMARY
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreLockedError(
            f"{place} is locked: another process holds it too long. "
            "Wait until its import or backup is through, or end the other `nurture`, then try again."
        )
    if code == sqlite3.SQLITE_FULL:
        return StoreFullError(f"no space is left for {place}: free some space on its disk. Nothing was changed.")
    if code == sqlite3.SQLITE_READONLY:
        return StoreFullError(
            f"{place} is read-only: let this user write to the file and to its folder "
            "(SQLite keeps two more files beside it)."
        )
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreFullError(
            f"{place} cannot be opened: let this user read and write the file and its folder "
            "(SQLite keeps two more files beside it)."
        )
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreError(
            f"{place} is not a database, or it is damaged ({error}). "
            "Move the file away and bring back a copy that `nurture db backup` made."
        )
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StoreError(f"the disk under {place} fails ({error}). Check the disk and the system's log.")
    return None


def _postgresql_failure(error: sa.exc.DBAPIError, place: str, *, writing: bool) -> StoreError | None:
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "25006" and not writing:
        return None
    # lock_not_available, deadlock_detected, serialization_failure: somebody else went first
    if state in ("55P03", "40P01", "40001"):
        return StoreLockedError(f"{place} is locked: another process holds the rows too long. Try again.")
    if state == "53100":  # disk_full
        return StoreFullError(f"no space is left for {place}: free some space on its server. Nothing was changed.")
    if state in ("25006", "42501"):  # read_only_sql_transaction, insufficient_privilege
        return StoreFullError(f"{place} is read-only for this user: grant it the right to write.")
    if "invalid connection option" in str(error.orig):  # libpq's word, before anything was sent
        return StoreError(f"the address of {place} has an option that PostgreSQL does not know: {error.orig}")
    if not isinstance(error, sa.exc.OperationalError):
        return None
    words = " ".join(str(error.orig).split())
    if state == "3D000" or ("database" in words and "does not exist" in words):  # no sqlstate before the login is done
        return StoreMissingError(
            f"{place} does not exist yet: create it with `createdb`, then run `nurture db upgrade`."
        )
    if any(sign in words for sign in ("authentication failed", "no password supplied", "role ")):
        return StoreError(f"{place} refuses the login: check user and password in the database address.")
    if not state or state.startswith(("08", "57P", "53", "28")):
        return StoreError(f"{place} cannot be reached ({_shortened(words)}). Is the server running?")
    return None


def _shortened(words: str) -> str:
    return words if len(words) <= 200 else words[:200] + " ..."
