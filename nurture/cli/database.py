"""``nurture db``: the database's schema, health and backups."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nurture.cli.options import Json, workspace_folder
from nurture.cli.output import print_json, say

app = typer.Typer(no_args_is_help=True, help="The database: make, upgrade, check, back up.")


def _url() -> tuple[str, Path]:
    from nurture.service.house import database_url
    from nurture.workspace.workspace import load_workspace

    root = workspace_folder()
    return database_url(load_workspace(root).settings, root), root


@app.command()
def upgrade(*, as_json: Json = False) -> None:
    """Make the database, or bring its schema up to date."""
    from nurture.store import create_store

    url, root = _url()
    store = create_store(url, root=root)
    store.close()
    if as_json:
        print_json({"database": store.place})
    else:
        say(f"{store.place} is up to date.")


@app.command()
def check(*, as_json: Json = False) -> None:
    """Check that the database is whole; exit code 1 if it is not."""
    from nurture.store import open_store
    from nurture.store.maintenance import check as check_database

    url, root = _url()
    store = open_store(url, root=root)
    problems = check_database(store)
    if as_json:
        print_json({"database": store.place, "problems": problems})
    else:
        for problem in problems:
            say(problem, style="red")
        if not problems:
            say(f"{store.place} is whole.")
    store.close()
    if problems:
        raise typer.Exit(1)


@app.command(epilog="Example: nurture db backup ~/backups/clinic-2026-12-01.db")
def backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")], *, as_json: Json = False
) -> None:
    """Write a consistent copy of the database while everything goes on."""
    from nurture.store import open_store
    from nurture.store.maintenance import backup as back_up

    url, root = _url()
    store = open_store(url, root=root)
    back_up(store, target)
    store.close()
    if as_json:
        print_json({"database": store.place, "file": target})
    else:
        say(f"Wrote {target}.")
