"""``nurture contacts repair``: addresses that died, and what machines said of their owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from nurture.audience.repairing import Repairs

_KINDS = {"left": "does not work there any more", "moved": "has a new address"}


def repair(
    accept: Annotated[int | None, typer.Option(metavar="NUMBER", help="Do what this proposal says.")] = None,
    decline: Annotated[int | None, typer.Option(metavar="NUMBER", help="Forget this proposal.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show whose addresses do not work any more, with whom to call; exit code 1 if there is something to do.

    Automatic answers may say that somebody left or has a new address, and readers may ask for one that cannot be
    written to. Nothing of that is done before you accept it.
    """
    from nurture.audience import repairing
    from nurture.errors import InputError

    if accept is not None and decline is not None:
        raise InputError("say --accept or --decline, not both")
    with house() as clinic:
        now = clinic.clock.now()
        if accept is not None:
            person = repairing.accept(clinic.store, clinic.workspace, accept, now=now)
            done = (
                f"Archived {person.full_name or person.address}."
                if person.archived_at
                else (f"{person.full_name or 'Contact ' + str(person.id)} is now {person.address}.")
            )
        elif decline is not None:
            repairing.decline(clinic.store, decline, now=now)
            done = f"Forgot proposal {decline}."
        else:
            found = repairing.repairs(clinic.store)
            _show(found, clinic.workspace.settings.zone, as_json=as_json)
            if found.dead or found.proposed:
                raise typer.Exit(1)
            return
    if as_json:
        print_json({"done": done})
    else:
        say(done, style="green")


def _show(found: Repairs, zone: ZoneInfo, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found.dead and not found.proposed:
        say("All addresses work, as far as anybody told.", style="green")
    if found.dead:
        say("These addresses do not work any more:")
        table(
            [">contact", "name", "address", "organization", "phone", "since", "why"],
            [
                (
                    dead.contact_id,
                    dead.name,
                    dead.address,
                    dead.organization or "",
                    dead.phone or "",
                    dead.since.astimezone(zone).date(),
                    dead.reason.replace("_", " ") if dead.reason else "doubted: still gets mail",
                )
                for dead in found.dead
            ],
        )
        say("Call and ask, then: nurture contacts edit CONTACT --set address=NEW")
    if found.proposed:
        say("Automatic answers, or readers themselves, say:")
        table(
            [">proposal", "name", "address", "what", "new address"],
            [
                (
                    each.proposal.id,
                    each.person.full_name,
                    each.person.address or "",
                    _KINDS[each.proposal.kind],
                    (each.proposal.new_address or "") + (" (another domain!)" if each.elsewhere else ""),
                )
                for each in found.proposed
            ],
        )
        say("Then: nurture contacts repair --accept PROPOSAL, or --decline PROPOSAL")
