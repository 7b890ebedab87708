"""What must stay private: no database, contact file or secret in git, nothing readable by others."""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from nurture.errors import Problem
from nurture.workspace.settings import Settings

_DATABASES = (".db", ".sqlite", ".sqlite3", ".db-wal", ".db-shm", ".db-journal")
_CONTACTS = (".csv", ".tsv", ".xls", ".xlsx", ".ods")
_SECRETS = (".key", ".p12", ".pfx")
_SECRET_NAMES = (".env", "secrets.yaml", "id_rsa", "id_ed25519")
_GIT_SECONDS = 20
_MEND = "take it out with: git rm --cached '{}'; whoever has a copy of the repository may have seen it"


def check_privacy(root: Path, settings: Settings) -> list[Problem]:
    """Everything private that others could see: in git, or by its file mode."""
    problems = [*_tracked_problems(root, settings), *_mode_problems(root)]
    # whether others can read a DKIM key is told where it is read, at its line in nurture.yaml
    for secret in _secret_files(settings) - _dkim_keys(settings):
        if _open_to_others(root / secret):
            problems.append(Problem(secret, 0, 0, f"others can read this secret; mend it with: chmod 600 '{secret}'"))
    return sorted(problems)


def _secret_files(settings: Settings) -> set[str]:
    """Paths as written in ``nurture.yaml``; relative ones start at the workspace."""
    return {reference.name for reference in settings.secrets if reference.kind == "file"}


def _dkim_keys(settings: Settings) -> set[str]:
    keys = [dkim.key for sender in settings.senders.values() for dkim in sender.dkim]
    return {key.name for key in keys if key.kind == "file"}


def _tracked_problems(root: Path, settings: Settings) -> Iterator[Problem]:
    if not any((folder / ".git").exists() for folder in (root.absolute(), *root.absolute().parents)):
        return
    try:
        tracked = _tracked(root)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", b"") or str(error).encode()
        words = " ".join(said.decode(errors="replace").split())[:300]
        yield Problem(".git", 0, 0, f"git cannot tell which files it tracks: {words}")
        return
    secrets = {str(PurePosixPath(name)) for name in _secret_files(settings)}
    for name in tracked:
        what = "a secret" if name in secrets else _private(PurePosixPath(name), root)
        if what:
            yield Problem(name, 0, 0, f"git tracks {what}; " + _MEND.format(name))


def _tracked(root: Path) -> list[str]:
    """The files that git tracks in the workspace, relative to it."""
    # fsmonitor off: a setting of the repository must not start a program.
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(root), "ls-files", "-z", "--", "."]
    done = subprocess.run(command, check=True, capture_output=True, timeout=_GIT_SECONDS)  # noqa: S603
    return [name for name in done.stdout.decode("utf-8", "surrogateescape").split("\0") if name]


def _private(path: PurePosixPath, root: Path) -> str | None:
    """What a tracked file gives away, in words; None if nothing."""
    name = path.name.lower()
    if path.parts[:2] == ("data", "sample"):
        return None  # made-up people, meant to be shown
    if name.endswith(_DATABASES):
        return "a database"
    if name.endswith(_CONTACTS):
        return "a file that may hold contacts"
    if name.endswith(_SECRETS) or name in _SECRET_NAMES or (name.endswith(".pem") and _is_private_key(root / path)):
        return "a secret"
    if path.parts[0] == "data" and name not in (".gitignore", ".gitkeep"):
        return "a file of data/"
    return None


def _is_private_key(path: Path) -> bool:
    try:
        return b"PRIVATE KEY" in path.read_bytes()[:100_000]
    except OSError:
        return False  # tracked, but not there; git has what it has


def _mode_problems(root: Path) -> Iterator[Problem]:
    data = root / "data"
    if not data.is_dir() or not _open_to_others(data):
        return  # a closed folder protects all that is in it
    for path in sorted(data.iterdir()):
        if path.name in ("sample", ".gitignore", ".gitkeep") or not _open_to_others(path):
            continue
        name, mode = f"data/{path.name}", "700" if path.is_dir() else "600"
        yield Problem(name, 0, 0, f"others can read this; mend it with: chmod {mode} '{name}'")


def _open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
    except OSError:
        return False  # not there: nothing to read
