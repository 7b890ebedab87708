"""What this machine remembers of a database, in a file outside the clinic's folder.

``~/.local/state/nurture/NAME.json``, or in ``$XDG_STATE_HOME/nurture``; the
variable NURTURE_STATE_DIR names another folder, for services and containers.
It holds a number, an instant, the machine's name and the database's path.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from nurture.delivery.copies import Outside
from nurture.durable import sync_folder
from nurture.store.lineage import HighWater

VARIABLE = "NURTURE_STATE_DIR"


def state_folder() -> Path:
    """Where this user's programs keep what they must remember (XDG Base Directory, "state").

    The home folder is the user's own also where ``runuser`` or ``sudo`` left somebody else's in the environment.
    """
    if chosen := os.environ.get(VARIABLE):
        return Path(chosen)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else _home() / ".local" / "state") / "nurture"


def _home() -> Path:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # nobody's number, as in some containers
        return Path.home()


class OutsideFile:
    """One database's file. Neither reading nor writing raises for a file that cannot be used: see ``trouble``."""

    def __init__(self, name: str) -> None:
        self.trouble: str | None = None
        self._name = name
        try:
            self._path: Path | None = state_folder() / f"{name}.json"
        except RuntimeError as error:  # the user has no home folder
            self._path, self.trouble = None, str(error)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process of this machine changes the file meanwhile."""
        with contextlib.ExitStack() as stack:
            if self._path is not None:
                try:
                    self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                    lock = os.open(self._path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                    stack.callback(os.close, lock)
                    fcntl.flock(lock, fcntl.LOCK_EX)
                except OSError as error:
                    self._say(error)
            yield

    def read(self) -> Outside | None:
        """What is remembered; None if nothing is, or if it cannot be read."""
        if self._path is None:
            return None
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
            at = datetime.fromisoformat(found["at"])
            return Outside(HighWater(int(found["number"]), found["token"], found["host"], at), found["file"])
        except FileNotFoundError:
            return None
        except OSError as error:
            self._say(error)
        except (ValueError, KeyError, TypeError):
            self.trouble = f"{self._path} is damaged"
        return None

    def write(self, outside: Outside) -> None:
        """Remember it durably, in one step."""
        if self._path is None:
            return
        water = outside.water
        text = json.dumps(
            {
                "number": water.number,
                "token": water.token,
                "host": water.host,
                "at": water.at.isoformat(),
                "file": outside.file,
            }
        )
        new = self._path.with_suffix(f".{secrets.token_hex(4)}.new")
        try:
            descriptor = os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            self._say(error)
        else:
            self.trouble = None

    def _say(self, error: OSError) -> None:
        self.trouble = f"{self._path} cannot be used: {error.strerror}"
