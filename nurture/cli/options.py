"""Options that many commands share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nurture.service.house import House

_for_programs: list[bool] = []


def _remember(wanted: bool) -> bool:
    _for_programs[:] = [wanted]
    return wanted


Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.", callback=_remember)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_workspace: list[Path] = []
_ALERTS_SHOWN = 3
_ALERT_WIDTH = 160


def choose_workspace(folder: Path | None) -> None:
    """Remember the folder given with ``--workspace``; a command begins."""
    _workspace[:] = [folder] if folder else []
    _for_programs.clear()


def workspace_folder() -> Path:
    """The clinic's folder: ``--workspace``, else this folder or a parent with nurture.yaml."""
    from nurture.errors import WorkspaceError
    from nurture.workspace.workspace import find_workspace

    if _workspace and not _workspace[0].is_dir():
        # a mistyped name must not lead to the clinic above it
        raise WorkspaceError(f"there is no folder {_workspace[0]}; --workspace names the clinic's folder")
    return find_workspace(_workspace[0] if _workspace else Path.cwd())


def confirm(question: str, *, yes: bool) -> None:
    """Ask; stop with exit code 2 where nobody can answer, with 1 at a no."""
    if yes:
        return
    import sys

    from nurture.cli.output import warn

    if not sys.stdin.isatty():
        warn(f"{question} Nobody is here to answer; say --yes.")
        raise typer.Exit(2)
    if not typer.confirm(question, err=True):  # standard output may be read by a program
        raise typer.Exit(1)


@contextmanager
def house(*, tell_alerts: bool = True) -> Iterator[House]:
    """The chosen clinic, opened for one command; above its words (not above JSON) stands what needs a person."""
    from nurture.service.house import open_house

    with open_house(workspace_folder()) as opened:
        if tell_alerts and not any(_for_programs):
            _tell_alerts(opened)
        yield opened


def _tell_alerts(opened: House) -> None:
    from nurture.cli.output import warn
    from nurture.reports.alerts import in_words
    from nurture.store.alerts import open_alerts

    with opened.store.read() as connection:
        found = open_alerts(connection)
    for alert in found[:_ALERTS_SHOWN]:
        words = in_words(alert)
        warn(f"! {words if len(words) <= _ALERT_WIDTH else words[: _ALERT_WIDTH - 1] + '…'}")
    if len(found) > _ALERTS_SHOWN:
        warn(f"! and {len(found) - _ALERTS_SHOWN} more: nurture alerts")
