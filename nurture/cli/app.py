"""The command tree. One module per group of commands; each command calls one use case."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nurture.cli import (
    alerts,
    campaigns,
    contacts,
    control,
    database,
    demo,
    dkim,
    doctor,
    going_live,
    inbox,
    keys,
    leave_test,
    log,
    login,
    loop_test,
    mailbox,
    news,
    notice,
    opt_outs,
    replies,
    review,
    sandbox,
    segments,
    senders,
    sending,
    service,
    uncertain,
    workspace,
)
from nurture.cli.options import choose_workspace


class Commands(TyperGroup):
    """All commands; one whose reader went away (``| head``) is done, and no failure."""

    def invoke(self, ctx: Any) -> object:  # noqa: ANN401 - typer keeps the type of a context to itself
        """Run the command that was named."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            # the interpreter flushes once more when it ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Email nurture and newsletters for physical-therapy clinics.",
    epilog="Start with `nurture demo`, then `nurture init DIR`. Exit codes: 0 done, 1 found problems, 2 cannot run.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from nurture import __version__

        typer.echo(f"nurture {__version__}")
        raise typer.Exit


@app.callback()
def root(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--workspace", "-w", envvar="NURTURE_WORKSPACE", help="The clinic's folder.", show_default="here or above"
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Email nurture and newsletters for physical-therapy clinics."""
    choose_workspace(folder)


workspace.register(app)
demo.register(app)
sending.register(app)
control.register(app)
notice.register(app)
going_live.register(app)
review.register(app)
doctor.register(app)
leave_test.register(app)
loop_test.register(app)
mailbox.register(inbox.app)
senders.register(app)
login.register(app)
app.add_typer(inbox.app, name="inbox")
app.add_typer(service.app, name="service")
app.add_typer(log.app, name="log")
app.add_typer(alerts.app, name="alerts")
app.add_typer(uncertain.app, name="uncertain")
app.add_typer(replies.app, name="replies")
app.add_typer(contacts.app, name="contacts")
app.add_typer(opt_outs.app, name="suppress")
app.add_typer(segments.app, name="segments")
app.add_typer(news.app, name="news")
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(dkim.app, name="dkim")
app.add_typer(keys.app, name="keys")
app.add_typer(sandbox.app, name="sandbox")
app.add_typer(database.app, name="db")
