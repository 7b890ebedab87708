"""Options that many commands share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nurture.doctor.resolving import Question
    from nurture.service.house import House

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

Nameserver = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        help="Ask this DNS server, for example your domain's own, in place of this machine's.",
    ),
]

# IPv4 or IPv6 in brackets, with or without a port; or IPv6 alone
_NAMESERVER = re.compile(r"(?:(?:([0-9.]+)|\[([0-9a-fA-F:.]+)\])(?::([0-9]{1,5}))?)|([0-9a-fA-F:.]+)")

_workspace: list[Path] = []


def choose_workspace(folder: Path | None) -> None:
    """Remember the folder given with ``--workspace``."""
    _workspace[:] = [folder] if folder else []


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
def house() -> Iterator[House]:
    """The chosen clinic, opened for one command."""
    from nurture.service.house import open_house

    with open_house(workspace_folder()) as opened:
        yield opened


def dns_question(nameserver: str | None) -> Question:
    """Questions to the DNS server that somebody named, else to this machine's; `InputError` if it is no address."""
    from ipaddress import ip_address

    from nurture.doctor.resolving import network_question
    from nurture.errors import InputError

    if nameserver is None:
        return network_question()
    try:
        if (named := _NAMESERVER.fullmatch(nameserver)) is None:
            raise ValueError(nameserver)
        address = ip_address(named[1] or named[2] or named[4])
        number = int(named[3] or 53)
        if not 0 < number < 65536:
            raise ValueError(number)
    except ValueError:
        raise InputError(
            f"--nameserver {nameserver}: it takes an IP address, with or without a port: 192.0.2.1, 192.0.2.1:5353, "
            "[2001:db8::1]:53"
        ) from None
    return network_question([str(address)], port=number)
