"""``nurture contacts import``: first what would change, then a question, then one transaction."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from nurture.audience.candidates import GivenConsent
    from nurture.audience.imports import ImportDiff, ImportOrder, ImportResult
    from nurture.service.house import House
    from nurture.vocabulary import Category

EXAMPLES = (
    "Examples: nurture contacts import partners list.csv; "
    "nurture contacts import list.xlsx --map first_name=Vorname --category school --dry-run"
)
_NOTES = ("rejected", "conflict", "duplicate", "warning", "changed")


What = Annotated[list[str], typer.Argument(metavar="[NAME] FILE", help="A saved import (imports/NAME.yaml), a file.")]
Columns = Annotated[list[str] | None, typer.Option("--map", metavar="FIELD=HEADER", help="Which column is which.")]
Categories = Annotated[list[str] | None, typer.Option("--category", help="A category that everybody gets.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag that everybody gets.")]
Consent = Annotated[
    str | None,
    typer.Option(
        metavar="KIND:DATE:SOURCE",
        help="Everybody's consent: implied:2026-04-18:business cards; verbal:2026-04-18..2027-04-18:fair has an end.",
    ),
]
Delimiter = Annotated[str | None, typer.Option(help="What separates columns; found out without it.")]
MaxBad = Annotated[float, typer.Option(help="Bad rows in %, above which nothing is written.", min=0, max=100)]
Absent = Annotated[
    Literal["report", "archive"],
    typer.Option(help="What to do with this saved import's people who are not in the file."),
]
Household = Annotated[bool, typer.Option("--household", help="Two people may share an address.")]
ClearEmpty = Annotated[bool, typer.Option("--clear-empty", help="An empty cell clears what is known.")]
ReplaceTags = Annotated[bool, typer.Option("--replace-tags", help="Replace tags instead of adding.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


def import_contacts(
    what: What,
    mapping: Columns = None,
    category: Categories = None,
    tag: Tags = None,
    consent: Consent = None,
    delimiter: Delimiter = None,
    max_bad: MaxBad = 10,
    absent: Absent = "report",
    *,
    household: Household = False,
    clear_empty: ClearEmpty = False,
    replace_tags: ReplaceTags = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Import contacts from CSV or XLSX: shows what would change, asks, then writes all or nothing.

    Exit code 1 if rows were refused; they are in FILE.rejected.csv with the reasons.
    """
    from nurture.audience.imports import import_order
    from nurture.errors import InputError

    if not 1 <= len(what) <= 2:
        raise InputError("give a file, or the name of a saved import and a file")
    with house() as clinic:
        order = import_order(
            clinic.workspace,
            Path(what[-1]).expanduser(),
            name=what[0] if len(what) == 2 else None,
            columns=pairs(mapping or [], "--map"),
            categories=categories_named(category or []),
            tags=frozenset(tag or []),
            consent=consent_given(consent),
            delimiter=delimiter,
            household=household,
            clear_empty=clear_empty,
            replace_tags=replace_tags,
            archive_absent=absent == "archive",
            max_bad=max_bad / 100,
        )
        _carry_out(clinic, order, dry_run=dry_run, yes=yes, as_json=as_json)


def _carry_out(clinic: House, order: ImportOrder, *, dry_run: bool, yes: bool, as_json: bool) -> None:
    from nurture.audience.imports import apply_import, diff_import
    from nurture.errors import ImportRefusedError

    now = clinic.clock.now()
    diff = diff_import(clinic.store, clinic.workspace, order, now=now)
    if not as_json:
        _print_diff(diff)
    if diff.refusal:
        raise ImportRefusedError(diff.refusal)
    incomplete = bool(diff.rejected or diff.conflicts)
    result = None
    if not dry_run and (incomplete or diff.new or diff.changed or (diff.absent_ids and order.archive_absent)):
        confirm("Write this?", yes=yes)
        result = apply_import(clinic.store, order, diff, now=now)
    if as_json:
        print_json({"diff": _diff_json(diff), "written": result})
    elif result:
        _print_result(result)
    if incomplete:
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
    return {key: value for key, value in found.items() if key not in ("file_digest", "organizations", "plan")}


def pairs(written: list[str], option: str) -> dict[str, str]:
    """``FIELD=TEXT`` from the command line; raises `InputError` for what is none."""
    from nurture.errors import InputError

    found = {}
    for pair in written:
        field, equals, text = pair.partition("=")
        if not (field.strip() and equals):
            raise InputError(f"{option} {pair}: write FIELD=TEXT, for example {option} first_name=Kim")
        found[field.strip()] = text.strip()
    return found


def categories_named(names: list[str]) -> frozenset[Category]:
    """The categories with these names; raises `InputError` for one that does not exist."""
    from nurture.errors import InputError
    from nurture.vocabulary import Category
    from nurture.workspace.suggestions import did_you_mean

    for name in names:
        if name not in set(Category):
            hint = did_you_mean(name, list(Category)) or f"; there are {', '.join(Category)}"
            raise InputError(f"there is no category `{name}`{hint}")
    return frozenset(Category(name) for name in names)


def consent_given(text: str | None) -> GivenConsent | None:
    """``KIND:DATE:SOURCE`` (or ``DATE..UNTIL``) from the command line; raises `InputError` for what is none."""
    from datetime import date

    from nurture.audience.candidates import GivenConsent
    from nurture.errors import InputError
    from nurture.vocabulary import ConsentKind

    if text is None:
        return None
    kind, _, rest = text.partition(":")
    days, _, source = rest.partition(":")
    day, _, until = days.partition("..")
    try:
        last = date.fromisoformat(until) if until else None
        return GivenConsent(ConsentKind(kind), source.strip() or _no_source(), date.fromisoformat(day), last)
    except ValueError as error:
        raise InputError(f"--consent {text}: write KIND:DATE:SOURCE, e.g. implied:2026-04-18:business cards") from error


def _no_source() -> str:
    raise ValueError("a consent needs a source")
