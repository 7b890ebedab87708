"""``nurture notice``: what the owner is shown before an edition leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import on_terminal, print_json, say


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(epilog="Example: nurture notice partner-news")(notice)


def notice(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")],
    output: Annotated[
        Path | None, typer.Option(help="Write DIR/CAMPAIGN-notice.html, .txt and .eml.", metavar="DIR")
    ] = None,
    *,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Show the notice of a campaign's next edition as the owner gets it; sends nothing, in either mode."""
    from nurture.service.edition_notices.preview import preview_notice

    with house() as clinic:
        found = preview_notice(clinic, campaign)
        folder = output or clinic.previews
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {"html": found.page.encode(), "txt": found.text.encode(), "eml": found.raw}
    for ending, content in files.items():
        path = folder / f"{campaign}-notice.{ending}"
        path.write_bytes(content)
        path.chmod(0o600)
    page = folder / f"{campaign}-notice.html"
    if as_json:
        print_json(
            {
                "edition": str(found.edition),
                "subject": found.subject,
                "to": found.to,
                "files": [folder / f"{campaign}-notice.{ending}" for ending in files],
            }
        )
        return
    say(f"To {', '.join(found.to)}")
    say(f"Subject: {found.subject}", style="bold")
    for paragraph in found.paragraphs:
        say(f"\n{paragraph}")
    say(f"\nWrote {page}, .txt and .eml")
    if on_terminal() and not no_open:
        import webbrowser

        webbrowser.open(page.absolute().as_uri())
