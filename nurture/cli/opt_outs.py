"""``nurture suppress import``: who left elsewhere is not mailed here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from nurture.audience.opt_out_files import FileReport, OptOuts
    from nurture.audience.opt_out_import import OptOutChanges
    from nurture.vocabulary import SuppressionReason

app = typer.Typer(no_args_is_help=True, help="Opt-outs of the mail system before: who left there is not mailed here.")

_NOTES_SHOWN = 20

Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Exports: CSV, XLSX, or a zip of them.")]
AllUnsubscribed = Annotated[
    bool, typer.Option("--all-unsubscribed", help="Everybody left, except where a row says otherwise.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


@app.command(
    "import",
    epilog="Examples: nurture suppress import audience_export.zip; "
    "nurture suppress import contact_export.csv left.txt --yes",
)
def import_opt_outs(
    files: Files,
    *,
    all_unsubscribed: AllUnsubscribed = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take over the opt-outs of another mail system: shows what would change, asks, then writes all or nothing.

    Reads the exports of Mailchimp and Constant Contact, lists with a status, and plain lists of addresses. Who
    unsubscribed, complained or bounced becomes suppressed; nobody becomes a contact. Exit code 1 if rows could not
    be read.
    """
    from nurture.audience.opt_out_import import import_opt_outs, read_opt_out_files

    with house() as clinic:
        now = clinic.clock.now()
        paths = [file.expanduser() for file in files]
        wanted = read_opt_out_files(clinic.store, clinic.workspace, paths, all_unsubscribed=all_unsubscribed, now=now)
        if not as_json:
            _print_found(wanted.found, wanted.changes)
        written = None
        if not dry_run:
            changes = wanted.changes
            confirm("Suppress them?", yes=yes or not (changes.new or changes.stronger))
            written = import_opt_outs(clinic.store, wanted, now=now)
    if as_json:
        print_json(_as_json(wanted.found, wanted.changes, written))
    elif written is not None:
        _print_written(written)
    if any(file.unread_count for file in wanted.found.files):
        raise typer.Exit(1)


def _print_found(found: OptOuts, changes: OptOutChanges) -> None:
    for file in found.files:
        say(f"{file.file}: {file.format}", style="bold")
        say(f"  {_file_in_words(file)}")
    for name in found.unused:
        say(f"{name}: not used, it does not say who left", style="yellow")
    notes = [(note.place, "skipped", note.text) for file in found.files for note in file.unread]
    notes += [(note.place, "taken", note.text) for file in found.files for note in file.doubts]
    if notes:
        table(["row", "what", "why"], notes[:_NOTES_SHOWN])
    hidden = sum(file.unread_count + len(file.doubts) for file in found.files) - min(len(notes), _NOTES_SHOWN)
    if hidden:
        say(f"(and {hidden} more rows like these)", style="dim")
    say(_changes_in_words(changes), style="bold")


def _print_written(written: OptOutChanges) -> None:
    count = sum(written.new.values())
    words = f"Suppressed {_addresses(count)}" if count else "Nobody was left to suppress"
    say(f"{words}. That these opt-outs were taken over is recorded; nobody became a contact.", style="green")


def _file_in_words(file: FileReport) -> str:
    parts = [_reasons(file.opt_outs)] if file.opt_outs else ["nobody left"]
    if file.staying:
        parts.append(f"{file.staying} who did not leave {_are(file.staying)} left alone")
    if file.unread_count:
        parts.append(f"{file.unread_count} skipped")
    return "; ".join(parts)


def _changes_in_words(changes: OptOutChanges) -> str:
    count = sum(changes.new.values())
    words = f"{_addresses(count)} to suppress"
    if count:
        words += f" ({_reasons(changes.new)}); {changes.contacts} of the clinic's contacts get no mail then"
    if changes.stronger:
        words += f"; {changes.stronger} suppressed already get a stronger reason or a later date"
    if changes.known:
        words += f"; {changes.known} suppressed already stay so"
    if changes.returned:
        words += f"; {changes.returned} left before their suppression was lifted and are left alone"
    return f"{words}."


def _reasons(counts: Mapping[SuppressionReason, int]) -> str:
    return ", ".join(f"{counts[reason]} {reason}" for reason in sorted(counts))


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _addresses(count: int) -> str:
    return f"{count} {'address' if count == 1 else 'addresses'}"


def _as_json(found: OptOuts, changes: OptOutChanges, written: OptOutChanges | None) -> object:
    return {"files": found.files, "unused": found.unused, "would_change": changes, "written": written}
