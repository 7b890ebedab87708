"""``nurture service``: `nurture run` started with the machine, by systemd."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nurture.cli.options import Json, workspace_folder
from nurture.cli.output import print_json, say

app = typer.Typer(no_args_is_help=True, help="Let systemd keep `nurture run` alive, also over restarts of the machine.")

Name = Annotated[str, typer.Option(help="The service's name; another one for each further clinic.")]


@app.callback()
def service() -> None:
    """Let systemd keep `nurture run` alive, also over restarts of the machine."""


@app.command(epilog="Example: nurture service install")
def install(name: Name = "nurture", *, as_json: Json = False) -> None:
    """Write a unit for your own user, and say what to type to start it. Nothing is started."""
    from nurture.service.running import units

    done = units.install(workspace_folder().absolute(), _units(), name=name, python=sys.executable)
    if as_json:
        print_json(done)
        return
    say(f"{'Wrote' if done.changed else 'Unchanged:'} {done.file}", style="bold")
    say("Now type:")
    say("  systemctl --user daemon-reload")
    say(f"  systemctl --user enable --now {done.unit}")
    say("  loginctl enable-linger      # so that it also runs while nobody is logged in")
    say(f"Then: systemctl --user status {done.unit}, and journalctl --user -u {done.unit}")


@app.command()
def uninstall(name: Name = "nurture", *, as_json: Json = False) -> None:
    """Remove the unit, and say what to type to stop what runs of it."""
    from nurture.service.running import units

    done = units.uninstall(_units(), name=name)
    if as_json:
        print_json(done)
    elif done.changed:
        say(f"Removed {done.file}. Now type:")
        say(f"  systemctl --user disable --now {done.unit}; systemctl --user daemon-reload")
    else:
        say(f"There is no {done.file}.")


def _units() -> Path:
    """Where a user's own units are (systemd.unit(5))."""
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(config) if config.startswith("/") else Path.home() / ".config") / "systemd" / "user"
