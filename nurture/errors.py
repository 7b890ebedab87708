"""Every error that a user can meet, one tree.

::

    NurtureError                 exit 2: cannot run
    ├── WorkspaceError           the folder is not a workspace, or not readable
    │   └── FilesError           the clinic's files have problems; carries them all (exit 1)
    ├── InputError               what was typed or handed in does not fit
    │   ├── NotFoundError        no such contact, campaign, edition, segment, news item ...
    │   └── ImportRefusedError   an import would do harm; nothing was written (exit 1)
    ├── StoreError               the database cannot be used
    │   ├── StoreLockedError     somebody else holds it
    │   ├── StoreFullError       no space left, or read-only
    │   ├── StoreMissingError    it is not there yet
    │   └── SchemaError          pending or newer schema
    ├── BackupError              a backup cannot be made, is damaged, or cannot be put back
    ├── CopyError                the database may be an older copy; nothing is sent before somebody confirms it
    ├── ComposeError             a template or message cannot be composed
    │   └── RenderError          ... for one contact
    ├── FeedError                a feed cannot be fetched or read
    ├── SecretError              a secret reference cannot be resolved or is not safe
    ├── SenderError              the mail server cannot be used
    ├── MailboxError             the mailbox cannot be read
    │   └── LoginError           ... because its server refuses us
    ├── WebError                 the readers' pages cannot be served
    └── SandboxError             the sandbox cannot start

Rules: messages say what happened, where, and what to do. Foreign errors are
wrapped at the edges, with their cause, and only if an operator can mend them;
bugs stay raw. ``exit_code`` is what the command line returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in one of the clinic's files.

    ``line`` and ``column`` count from 1; ``line`` 0 means the file as a whole.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        """``file:line:column: message``, without the parts that are unknown."""
        place = self.file
        if self.line:
            place += f":{self.line}"
            if self.column:
                place += f":{self.column}"
        return f"{place}: {self.message}"


class NurtureError(Exception):
    """Something an operator can understand and mend."""

    exit_code = 2


class WorkspaceError(NurtureError):
    """The folder is not a workspace, or cannot be read."""


class FilesError(WorkspaceError):
    """The clinic's files have problems; ``problems`` has all of them, sorted."""

    exit_code = 1

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(map(str, self.problems)))


class InputError(NurtureError):
    """What was typed or handed in does not fit."""


class NotFoundError(InputError):
    """There is no such thing; the message lists near names where there are any."""


class ImportRefusedError(InputError):
    """An import would do harm; nothing was written."""

    exit_code = 1


class StoreError(NurtureError):
    """The database cannot be used."""


class StoreLockedError(StoreError):
    """Another process holds the database too long."""


class StoreFullError(StoreError):
    """No space is left on the disk, or the file is read-only."""


class StoreMissingError(StoreError):
    """The database is not there yet."""


class SchemaError(StoreError):
    """The database has a pending or a newer schema."""


class CopyError(NurtureError):
    """The database may be a restored copy whose original went further; nothing is sent before somebody confirms it."""


class BackupError(NurtureError):
    """A backup cannot be made, is damaged, or cannot be put back."""


class ComposeError(NurtureError):
    """A template or a message cannot be composed; ``problems`` say where."""

    exit_code = 1

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class RenderError(ComposeError):
    """A template failed for one contact."""


class FeedError(NurtureError):
    """A feed cannot be fetched or read."""

    exit_code = 1


class SecretError(NurtureError):
    """A secret reference cannot be resolved, or its file is not safe."""


class SenderError(NurtureError):
    """The mail server cannot be used."""


class MailboxError(NurtureError):
    """The mailbox cannot be read, or not all of it."""


class LoginError(MailboxError):
    """The mailbox's server refuses us: asking again soon would only lock the account."""


class WebError(NurtureError):
    """The readers' pages cannot be served."""


class SandboxError(NurtureError):
    """The sandbox cannot start."""
