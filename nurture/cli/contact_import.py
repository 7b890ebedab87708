"""``nurture contacts import``: first what would change, then a question, then one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from nurture.audience.candidates import GivenConsent
    from nurture.audience.imports import ImportDiff, ImportResult
    from nurture.vocabulary import Category

EXAMPLES = (
    "Examples: nurture contacts import partners list.csv; "
    "nurture contacts import list.xlsx --map first_name=Vorname --category school --dry-run"
)
_NOTES = ("rejected", "conflict", "duplicate", "warning", "changed")


def import_contacts(
    what: Annotated[
        list[str], typer.Argument(metavar="[NAME] FILE", help="A saved import (imports/NAME.yaml) and a file.")
    ],
    mapping: Annotated[
        list[str] | None, typer.Option("--map", metavar="FIELD=HEADER", help="Which column is which.")
    ] = None,
    category: Annotated[list[str] | None, typer.Option(help="A category that everybody gets.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="A tag that everybody gets.")] = None,
    consent: Annotated[
        str | None,
        typer.Option(metavar="KIND:DATE:SOURCE", help="Everybody's consent: implied:2026-04-18:business cards."),
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="What separates columns; found out without it.")] = None,
    max_bad: Annotated[float, typer.Option(help="Bad rows in %, above which nothing is written.", min=0, max=100)] = 10,
    absent: Annotated[
        str, typer.Option(help="People of this saved import who are not in the file: report or archive.")
    ] = "report",
    *,
    household: Annotated[bool, typer.Option("--household", help="Two people may share an address.")] = False,
    clear_empty: Annotated[bool, typer.Option("--clear-empty", help="An empty cell clears what is known.")] = False,
    replace_tags: Annotated[bool, typer.Option("--replace-tags", help="Replace tags instead of adding.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Import contacts from CSV or XLSX: shows what would change, asks, then writes all or nothing.

    Exit code 1 if rows were refused; they are in FILE.rejected.csv with the reasons.
    """
    from nurture.audience.imports import apply_import, diff_import, import_order
    from nurture.errors import ImportRefusedError, InputError

    if not 1 <= len(what) <= 2:
        raise InputError("give a file, or the name of a saved import and a file")
    if absent not in ("report", "archive"):
        raise InputError("--absent is `report` or `archive`")
    with house() as clinic:
        now = clinic.clock.now()
        order = import_order(
            clinic.workspace,
            Path(what[-1]).expanduser(),
            name=what[0] if len(what) == 2 else None,
            columns=_mapping(mapping or []),
            categories=_categories(category or []),
            tags=frozenset(tag or []),
            consent=_consent(consent),
            delimiter=delimiter,
            household=household,
            clear_empty=clear_empty,
            replace_tags=replace_tags,
            archive_absent=absent == "archive",
            max_bad=max_bad / 100,
        )
        diff = diff_import(clinic.store, clinic.workspace, order, now=now)
        if not as_json:
            _print_diff(diff)
        if diff.refusal:
            raise ImportRefusedError(diff.refusal)
        nothing = not (
            diff.new or diff.changed or diff.rejected or diff.conflicts or (diff.absent_ids and absent == "archive")
        )
        if dry_run or nothing:
            if as_json:
                print_json({"diff": _diff_json(diff), "written": None})
            raise typer.Exit(1 if diff.rejected or diff.conflicts else 0)
        confirm("Write this?", yes=yes)
        result = apply_import(clinic.store, clinic.workspace, order, diff, now=now)
    if as_json:
        print_json({"diff": _diff_json(diff), "written": result})
    else:
        _print_result(result)
    if not result.complete:
        raise typer.Exit(1)


def _print_diff(diff: ImportDiff) -> None:
    say(diff.in_words, style="bold")
    say("columns: " + ", ".join(f"{field} ← {header}" for field, header in diff.columns.items()))
    if diff.unused_columns:
        say(f"not used: {', '.join(diff.unused_columns)}", style="yellow")
    if diff.suppressed:
        say(f"{diff.suppressed} of these addresses are suppressed; they stay so")
    rows = [(note.row, kind, note.who, note.text) for kind in _NOTES for note in diff.notes.get(kind, ())]
    if rows:
        table([">row", "what", "who", "why"], rows)


def _print_result(result: ImportResult) -> None:
    archived = f", {result.archived} archived" if result.archived else ""
    say(f"Wrote {result.new} new and {result.changed} changed contacts{archived}.", style="green")
    if result.rejected_file:
        say(f"The rows that were not written are in {result.rejected_file}, with the reasons.", style="yellow")


def _diff_json(diff: ImportDiff) -> object:
    from nurture.cli.output import as_json

    found = as_json(diff)
    assert isinstance(found, dict), "a dataclass"
    return {key: value for key, value in found.items() if key not in ("fingerprint", "organizations")}


def _mapping(pairs: list[str]) -> dict[str, str]:
    from nurture.errors import InputError

    found = {}
    for pair in pairs:
        field, equals, header = pair.partition("=")
        if not (field.strip() and equals and header.strip()):
            raise InputError(f"--map {pair}: write FIELD=HEADER, for example --map first_name=Vorname")
        found[field.strip()] = header.strip()
    return found


def _categories(names: list[str]) -> frozenset[Category]:
    from nurture.errors import InputError
    from nurture.vocabulary import Category
    from nurture.workspace.suggestions import did_you_mean

    for name in names:
        if name not in set(Category):
            raise InputError(f"there is no category `{name}`{did_you_mean(name, list(Category))}")
    return frozenset(Category(name) for name in names)


def _consent(text: str | None) -> GivenConsent | None:
    from datetime import date

    from nurture.audience.candidates import GivenConsent
    from nurture.errors import InputError
    from nurture.vocabulary import ConsentKind

    if text is None:
        return None
    kind, _, rest = text.partition(":")
    day, _, source = rest.partition(":")
    try:
        return GivenConsent(ConsentKind(kind), source.strip() or _no_source(), date.fromisoformat(day))
    except ValueError as error:
        raise InputError(f"--consent {text}: write KIND:DATE:SOURCE, e.g. implied:2026-04-18:business cards") from error


def _no_source() -> str:
    raise ValueError("a consent needs a source")
