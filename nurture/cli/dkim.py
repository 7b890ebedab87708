"""``nurture dkim``: the keys that sign the mails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, workspace_folder
from nurture.cli.output import print_json, say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nurture.service.signing import PublishedKey

app = typer.Typer(no_args_is_help=True, help="Keys that sign the mails, and their DNS records.")


@app.command(epilog="Example: nurture dkim new --domain clinic.example --selector spring-2027")
def new(
    domain: Annotated[
        str | None, typer.Option(help="The domain that signs.", show_default="the From domain of the first sender")
    ] = None,
    selector: Annotated[
        str | None, typer.Option(help="The start of the keys' names in the DNS.", show_default="nurture-DATE")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Make an RSA and an Ed25519 key in data/keys/; print the settings and the DNS records for them.

    A key that is there is never replaced: for new keys, choose another selector, publish its records, and only
    then change nurture.yaml.
    """
    from nurture.clock import SystemClock
    from nurture.service.signing import make_keys
    from nurture.workspace.workspace import load_workspace

    root = workspace_folder()
    keys = make_keys(root, load_workspace(root).settings, domain=domain, selector=selector, now=SystemClock().now())
    if as_json:
        print_json(_as_json(keys))
        return
    for key in keys:
        say(f"Wrote {key.key.removeprefix('file:')}")
    say("1. Publish two TXT records where the domain's DNS is kept:", style="bold")
    _print_records(keys)
    say("2. When they can be seen, write into nurture.yaml:", style="bold")
    typer.echo(_settings(keys))
    say("3. Check it with: nurture check", style="bold")


@app.command()
def show(*, as_json: Json = False) -> None:
    """Print the DNS records of the keys that nurture.yaml refers to."""
    from nurture.service.signing import configured_keys
    from nurture.workspace.workspace import load_workspace

    root = workspace_folder()
    keys = configured_keys(root, load_workspace(root).settings)
    if as_json:
        print_json(_as_json(keys))
    elif keys:
        _print_records(keys)
    else:
        say("No sender has a key of its own. Make one with `nurture dkim new`, if your mail server does not sign.")


def _print_records(keys: Sequence[PublishedKey]) -> None:
    for key in keys:
        say(f"; {key.sender}: {key.algorithm}")  # a comment in a zone file, too (RFC 1035 5.1)
        # a line each: nothing that people copy may be broken by the width of a terminal
        typer.echo(key.record.zone_line)


def _settings(keys: Sequence[PublishedKey]) -> str:
    lines = ["senders:", f"  {keys[0].sender}:", "    dkim:"]
    for key in keys:
        lines += [f"      - domain: {key.domain}", f"        selector: {key.selector}", f"        key: {key.key}"]
    return "\n".join(lines)


def _as_json(keys: Sequence[PublishedKey]) -> list[dict[str, object]]:
    return [
        {
            "sender": key.sender,
            "algorithm": key.algorithm,
            "domain": key.domain,
            "selector": key.selector,
            "key": key.key,
            "dns": {"name": key.record.name, "type": "TXT", "value": key.record.value, "strings": key.record.strings},
        }
        for key in keys
    ]
