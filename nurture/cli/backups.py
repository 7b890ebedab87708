"""``nurture db backup`` and ``nurture db restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, workspace_folder
from nurture.cli.output import print_json, say

if TYPE_CHECKING:
    from nurture.service.backups.making import Backup
    from nurture.service.backups.putting_back import PutBack

Passphrase = Annotated[
    str | None,
    typer.Option(
        "--passphrase", metavar="REFERENCE", help="Where the passphrase of an encrypted backup is: env:NAME, file:PATH."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(
        epilog="Examples: nurture db backup /media/stick --keep 14; nurture db backup clinic.backup "
        "--passphrase file:/root/backup.passphrase"
    )(backup)
    app.command(epilog="Example: nurture db restore clinic.backup ~/my-clinic")(restore)


def backup(
    target: Annotated[Path, typer.Argument(help="A folder, or the name of a new file.", metavar="TARGET")],
    *,
    passphrase: Passphrase = None,
    keep: Annotated[
        int | None,
        typer.Option(help="Remove older backups of this clinic from the folder, but for the newest N.", min=1),
    ] = None,
    as_json: Json = False,
) -> None:
    """Write the database, its keys and all files of the clinic into one file, while everything goes on.

    Nothing stands under its name before it is whole. Without `--passphrase` it is readable for whoever gets it:
    it holds your contacts and keys.
    """
    from nurture.clock import SystemClock
    from nurture.service.backups.making import Source, back_up
    from nurture.service.house import database_url
    from nurture.store.opening import open_any_version
    from nurture.workspace.loader import load_model
    from nurture.workspace.settings import Settings
    from nurture.workspace.workspace import SETTINGS_FILE

    root = workspace_folder()
    # a campaign with a mistake in it must not keep the night's backup from being made
    settings = load_model(root / SETTINGS_FILE, Settings, file=SETTINGS_FILE)[0]
    words = _read(passphrase)
    store = open_any_version(database_url(settings, root), root=root)
    try:
        done = back_up(Source(root, settings, store), target, passphrase=words, keep=keep, now=SystemClock().now())
    finally:
        store.close()
    if as_json:
        print_json({"database": store.place, "backup": done, "file": done.file})
    else:
        _print_backup(done)


def _print_backup(done: Backup) -> None:
    how = "encrypted" if done.encrypted else "not encrypted"
    size = f"{done.size / 1_000_000:.0f} MB" if done.size >= 10_000_000 else f"{done.size / 1000:.0f} kB"
    say(f"Wrote {done.file}: the database and {done.files} files, {size}, {how}.")
    for reference in done.not_included:
        say(f"  not in it, because it is kept elsewhere: {reference}", style="yellow")
    for old in done.removed:
        say(f"  removed {old}")


def restore(
    file: Annotated[Path, typer.Argument(help="What `nurture db backup` wrote.", metavar="FILE")],
    folder: Annotated[Path, typer.Argument(help="The clinic's folder; it is made if it is not there.", metavar="DIR")],
    *,
    passphrase: Passphrase = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Move a clinic that is there aside, into DIR/data/before-restore-….")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a clinic's folder of a backup. All of it is verified before the first file has its place.

    Live mail leaves from it only after `nurture db confirm-restored`, if more could have been sent since.
    """
    from nurture.clock import SystemClock
    from nurture.service.backups.putting_back import put_back

    words = _read(passphrase)
    done = put_back(file, folder.absolute(), passphrase=words, replace=replace, now=SystemClock().now())
    if as_json:
        print_json(
            {
                "folder": done.folder,
                "made_at": done.about.made_at,
                "files": done.files,
                "upgrade_due": done.upgrade_due,
                "confirm": done.finding is not None,
                "missing": done.missing,
                "replaced": done.replaced,
            }
        )
    else:
        _print_restored(done)


def _print_restored(done: PutBack) -> None:
    zone = done.settings.zone
    made = done.about.made_at.astimezone(zone)
    say(f"Restored {done.folder}: the database and {done.files} files, as of {made:%a %Y-%m-%d %H:%M}.", style="bold")
    if done.replaced is not None:
        say(f"What was there before is in {done.replaced}")
    for words in done.missing:
        say(f"! {words}", style="yellow")
    if done.upgrade_due:
        say("Its database is of an older nurture; next: nurture db upgrade", style="yellow")
    if done.finding is not None:
        say(f"! {done.finding.words(zone)}", style="yellow")
    say(f"Look at it: nurture --workspace {done.folder} status")


def _read(reference: str | None) -> str | None:
    """The passphrase; a relative path starts at the present folder."""
    from nurture.errors import InputError
    from nurture.workspace.secrets import SecretReference

    if reference is None:
        return None
    try:
        return SecretReference.parse(reference).read(Path.cwd())
    except ValueError as error:
        raise InputError(f"--passphrase: {error}") from None
