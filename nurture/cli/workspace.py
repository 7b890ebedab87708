"""Commands for the clinic's files: ``init``, ``check``, ``new``, ``schema``, ``version``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, Yes, workspace_folder
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from nurture.service.checking import CheckReport
    from nurture.workspace.scaffold import Answers

new = typer.Typer(no_args_is_help=True, help="Write a commented start of a campaign, news item or segment.")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Example: nurture init ~/my-clinic")(init)
    app.command()(check)
    app.add_typer(new, name="new")
    app.command()(schema)
    app.command()(version)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The new folder.")],
    *,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Start a workspace: settings, a campaign, a segment, a news item, the templates, a database."""
    from nurture.clock import SystemClock
    from nurture.service.house import database_url
    from nurture.store import create_store
    from nurture.workspace.scaffold import Answers, init_workspace
    from nurture.workspace.workspace import load_workspace

    answers = Answers() if yes or not sys.stdin.isatty() else _ask()
    root = folder.expanduser().absolute()
    files = init_workspace(root, answers, now=SystemClock().now())
    create_store(database_url(load_workspace(root).settings, root), root=root).close()
    if as_json:
        print_json({"workspace": root, "files": files})
        return
    say(f"Made {root} with {len(files)} files.", style="bold")
    say("Next:")
    say(f"  cd {folder}")
    say("  nurture check            # every file, every template, the next dates")
    say("  nurture contacts import partners data/sample/partners.csv")
    say("  nurture preview partner-news")
    say("  nurture run              # all mail goes to the sandbox")


def _ask() -> Answers:
    from nurture.workspace.scaffold import Answers

    default = Answers()
    return Answers(
        clinic=typer.prompt("Name of the clinic", default=default.clinic),
        phone=typer.prompt("Phone", default=default.phone),
        street=typer.prompt("Street and number", default=default.street),
        city=typer.prompt("City", default=default.city),
        region=typer.prompt("State or province", default=default.region),
        postal_code=typer.prompt("Postal code", default=default.postal_code),
        country=typer.prompt("Country (two letters)", default=default.country),
        site=typer.prompt("Web site", default=default.site),
        time_zone=typer.prompt("Time zone", default=default.time_zone),
        address=typer.prompt("Mail address that partners see and answer to", default=default.address),
    )


def check(*, as_json: Json = False) -> None:
    """Check every file, render every template in every variant, print the next dates.

    Exit code 1 if something must be mended.
    """
    from nurture.clock import SystemClock
    from nurture.service.checking import check as check_workspace

    report = check_workspace(workspace_folder(), now=SystemClock().now())
    if as_json:
        print_json(report)
    else:
        _print_check(report)
    if report.problems:
        raise typer.Exit(1)


def _print_check(report: CheckReport) -> None:
    for problem in report.problems:
        say(str(problem), style="red")
    for warning in report.warnings:
        say(f"{warning} (worth a look)", style="yellow")
    if report.problems:
        count = len(report.problems)
        say(f"{count} {'problem' if count == 1 else 'problems'} to mend.", style="bold")
        return
    table(
        ["campaign", "schedule", "next times"],
        [
            (row.campaign, row.schedule, ", ".join(f"{at:%a %Y-%m-%d %H:%M}" for at in row.next))
            for row in report.campaigns
        ],
    )
    campaigns, news, templates = len(report.campaigns), report.news, report.templates
    counted = ", ".join(
        f"{count} {name if count == 1 else f'{name}s'}"
        for name, count in (("campaign", campaigns), ("news item", news), ("template", templates))
    )
    for cost in report.costs:
        say(f"As it is set up: {cost}.")
    say(f"No problems: {counted} rendered.", style="green")


@new.command("campaign", epilog="Example: nurture new campaign spring-letter")
def new_campaign(
    name: Annotated[str, typer.Argument(help="Small letters, digits and -.")],
    *,
    broadcast: Annotated[bool, typer.Option("--broadcast", help="One that goes once, not a newsletter.")] = False,
    as_json: Json = False,
) -> None:
    """Write campaigns/NAME.yaml."""
    from nurture.vocabulary import CampaignKind
    from nurture.workspace import scaffold

    kind = CampaignKind.BROADCAST if broadcast else CampaignKind.NEWSLETTER
    _wrote(scaffold.new_campaign(workspace_folder(), name, kind=kind), as_json=as_json)


@new.command("segment", epilog="Example: nurture new segment active-gyms")
def new_segment(
    name: Annotated[str, typer.Argument(help="Small letters, digits and -.")], *, as_json: Json = False
) -> None:
    """Write segments/NAME.yaml."""
    from nurture.workspace import scaffold

    _wrote(scaffold.new_segment(workspace_folder(), name), as_json=as_json)


@new.command("news", epilog='Example: nurture new news open-house --title "Open house on 12 May"')
def new_news(
    name: Annotated[str, typer.Argument(help="Small letters, digits and -.")],
    title: Annotated[str | None, typer.Option(help="The headline.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Write news/DATE-NAME.md."""
    from nurture.clock import SystemClock
    from nurture.workspace import scaffold

    path = scaffold.new_news(workspace_folder(), name, now=SystemClock().now(), title=title)
    _wrote(path, as_json=as_json)


def _wrote(path: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"file": path})
    else:
        say(f"Wrote {path}")


def schema(*, as_json: Json = False) -> None:
    """Write JSON Schemas to .schemas/, so that editors complete and check the YAML files."""
    from nurture.workspace.schemas import write_schemas

    paths = write_schemas(workspace_folder())
    if as_json:
        print_json({"files": paths})
        return
    for path in paths:
        say(f"Wrote {path}")


def version(*, as_json: Json = False) -> None:
    """Print the version."""
    from nurture import __version__

    if as_json:
        print_json({"version": __version__})
    else:
        say(f"nurture {__version__}")
