"""PostgreSQL's own programs: `pg_dump` copies a database, `pg_restore` brings it back."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from nurture.errors import BackupError
from nurture.store.engine import Store

_INSTALL = "install PostgreSQL's client programs (on Debian: apt-get install postgresql-client)"


def dump(store: Store, target: Path) -> None:
    """Write the whole database into ``target``, in pg_dump's own compressed form. Raises `BackupError`."""
    _run("pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--file={target}"], store)


def restore(store: Store, source: Path) -> None:
    """Bring a dump back into an empty database, all or nothing. Raises `BackupError`."""
    _run("pg_restore", ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction"], store, source)


def _run(program: str, options: list[str], store: Store, *arguments: Path) -> None:
    path = shutil.which(program)
    if path is None:
        raise BackupError(f"{store.place} needs {program}, which is not installed here: {_INSTALL}")
    address, password = _address(store)
    environment = os.environ | ({"PGPASSWORD": password} if password else {})  # command lines are seen by all
    command = [path, *options, "--no-password", f"--dbname={address}", *map(str, arguments)]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)  # noqa: S603
    if done.returncode != 0:
        words = " ".join(done.stderr.decode(errors="replace").split())[:400]
        raise BackupError(f"{program} failed for {store.place}: {words}")


def _address(store: Store) -> tuple[str, str]:
    """The database's address as the clinic wrote it, and the password in it."""
    from psycopg.conninfo import make_conninfo

    with store.read() as connection:
        url = connection.engine.url
    # not what the driver made of it: these programs may be older than the driver, and know fewer words
    written = {**url.query, **url.translate_connect_args(username="user", database="dbname")}
    password = str(written.pop("password", ""))
    return make_conninfo("", **{name: str(value) for name, value in written.items()}), password
