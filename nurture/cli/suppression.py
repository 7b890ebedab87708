"""``nurture contacts suppress`` and ``lift``: who must not be mailed."""

from __future__ import annotations

from typing import Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say, table

Address = Annotated[str | None, typer.Argument(help="An address, whether it is a contact's or not.")]
Domain = Annotated[str | None, typer.Option(help="Every address at this domain.")]
Organization = Annotated[str | None, typer.Option(help="Every contact of this organization.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(epilog="Examples: nurture contacts suppress x@y.example; nurture contacts suppress --domain y.example")(
        suppress
    )
    app.command(epilog="Example: nurture contacts lift x@y.example --because 'asked for news again, mail of 3 May'")(
        lift
    )
    app.command("suppressed")(list_suppressed)


def suppress(
    address: Address = None,
    domain: Domain = None,
    organization: Organization = None,
    *,
    unsubscribed: Annotated[bool, typer.Option("--unsubscribed", help="The person asked to leave.")] = False,
    as_json: Json = False,
) -> None:
    """Never mail an address, a domain or an organization again."""
    from nurture.audience.suppressing import suppress_by_hand
    from nurture.vocabulary import SuppressionReason

    with house() as clinic:
        done = suppress_by_hand(
            clinic.store,
            clinic.workspace,
            address=address,
            domain=domain,
            organization=organization,
            reason=SuppressionReason.UNSUBSCRIBED if unsubscribed else SuppressionReason.MANUAL,
            now=clinic.clock.now(),
        )
    what = address or domain or organization
    if as_json:
        print_json({"suppressed": what, "changed": done})
    else:
        say(f"{what} is suppressed; waiting mail stops too." if done else f"{what} was suppressed already.")


def lift(
    address: Address = None,
    domain: Domain = None,
    organization: Organization = None,
    because: Annotated[str, typer.Option(help="Why it may be lifted; kept for good.")] = "",
    *,
    as_json: Json = False,
) -> None:
    """End a suppression; only with a reason."""
    from nurture.audience.suppressing import lift_by_hand

    with house() as clinic:
        was = lift_by_hand(
            clinic.store,
            clinic.workspace,
            address=address,
            domain=domain,
            organization=organization,
            because=because,
            now=clinic.clock.now(),
        )
    what = address or domain or organization
    if as_json:
        print_json({"lifted": what, "was": was})
    else:
        say(f"{what} may be mailed again (it was {was}).")


def list_suppressed(*, as_json: Json = False) -> None:
    """List all suppressions, the newest first."""
    from nurture.store.suppressions import list_suppressions

    with house() as clinic, clinic.store.read() as connection:
        rows = tuple(list_suppressions(connection))
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json(rows)
    else:
        table(
            ["what", "scope", "reason", "source", "since"],
            [
                (row.shown or "(erased)", row.scope, row.reason, row.source, row.created_at.astimezone(zone))
                for row in rows
            ],
        )
