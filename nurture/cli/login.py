"""``nurture login``: the permission to send, in the place of a password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, workspace_folder
from nurture.cli.output import on_terminal, print_json, say, warn

if TYPE_CHECKING:
    from nurture.service.login.device import DeviceCode


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command(epilog="Examples: nurture login main; nurture login main --device")(login)


def login(
    sender: Annotated[str, typer.Argument(help="A key under `senders`.")],
    device: Annotated[
        bool, typer.Option("--device", help="No browser here: type a code into one elsewhere (not with Google).")
    ] = False,
    port: Annotated[
        int, typer.Option(help="Where the browser comes back to.", show_default="any free port", min=0, max=65535)
    ] = 0,
    *,
    as_json: Json = False,
) -> None:
    """Log a sender in with Google or Microsoft; keeps the permission in data/keys/, readable by you alone.

    Needs `oauth` under the sender's `smtp`. Ends with a login at the mail server; no mail is sent.
    """
    from nurture.service.login.granting import log_in

    done = log_in(workspace_folder(), sender, show_page=_show_page, show_code=_show_code if device else None, port=port)
    if as_json:
        print_json(done)
        return
    say(f"{done.account} may send: {done.server} takes the login.", style="green")
    say(f"The permission is in {done.file}; nurture renews it by itself.")


def _show_page(url: str) -> None:
    # on standard error: standard output may be read by a program. The address in one piece, so that it can be copied
    warn("Say yes in the browser, as the account that sends. If none opens, open this address on this machine:")
    typer.echo(url, err=True)
    if on_terminal():
        import webbrowser

        webbrowser.open(url)


def _show_code(shown: DeviceCode) -> None:
    warn(f"Open {shown.page} in a browser, as the account that sends, and type: {shown.code}")
    warn(f"Waiting, for {shown.seconds / 60:.0f} minutes at most.")
