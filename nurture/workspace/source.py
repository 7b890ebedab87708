"""The workspace of a running process: changed files are taken over as one set."""

from __future__ import annotations

import threading
from pathlib import Path

from nurture.errors import FilesError, Problem, WorkspaceError
from nurture.workspace.workspace import SETTINGS_FILE, Workspace, load_workspace

_WATCHED = (SETTINGS_FILE, "campaigns/*", "segments/*", "imports/*", "templates/emails/*")
_Signature = tuple[tuple[str, int, int, int], ...]


class WorkspaceSource:
    """Gives the last set of files that was without problems; safe to ask from several threads.

    The first set must be good: raises what `load_workspace` raises.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._problems: tuple[Problem, ...] = ()
        # Taken before reading: what changes while we read is seen as new the next time.
        self._signature = _signature(root)
        self._workspace = load_workspace(root)

    def current(self) -> Workspace:
        """The workspace as it should be used now; the files are read again only if one has changed.

        A broken set changes nothing here: `problems` tells what is wrong with it.
        """
        with self._lock:
            signature = _signature(self._root)
            if signature != self._signature:
                self._signature = signature
                self._reload()
            return self._workspace

    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the files as they are now; empty when `current` is the newest set."""
        self.current()
        return self._problems

    def _reload(self) -> None:
        try:
            self._workspace = load_workspace(self._root)
            self._problems = ()
        except FilesError as error:
            self._problems = error.problems
        except WorkspaceError as error:
            self._problems = (Problem(SETTINGS_FILE, 0, 0, str(error)),)


def _signature(root: Path) -> _Signature:
    """Name, time, size and inode of every file that matters; cheap enough to ask before each job."""
    found = []
    for pattern in _WATCHED:
        for path in sorted(root.glob(pattern)):
            try:
                status = path.stat()
            except OSError:
                continue  # it vanished after it was listed, or a link leads nowhere
            found.append((str(path), status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)
