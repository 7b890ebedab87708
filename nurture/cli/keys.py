"""``nurture keys``: the keys that sign the links in mails."""

from __future__ import annotations

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say

app = typer.Typer(no_args_is_help=True, help="Keys that sign the links in mails.")


@app.callback()
def keys() -> None:
    """Keys that sign the links in mails (those that sign the mails themselves: `nurture dkim`)."""


@app.command()
def rotate(*, as_json: Json = False) -> None:
    """Make a new key for the links of editions that are planned from now on.

    Links in older mails go on working, as long as their keys stay in data/link.keys. Keep a copy of that file.
    """
    from nurture.composing.link_keys import link_key_file
    from nurture.service.link_keys import rotate_link_keys

    with house() as clinic:
        key = rotate_link_keys(clinic.store, clinic.data, now=clinic.clock.now())
    if as_json:
        print_json({"key": key.id, "file": link_key_file(clinic.data)})
    else:
        say(f"Added the key {key.id} to data/link.keys; links in older mails go on working.")
