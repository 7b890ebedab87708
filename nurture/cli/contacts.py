"""``nurture contacts``: people, looked at, changed, exported, erased."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli import contact_import, repair, suppression
from nurture.cli.contact_import import categories_named, consent_given, pairs
from nurture.cli.options import Json, Yes, confirm, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from nurture.audience.contacts import ContactCard, ContactFilter
    from nurture.store.contacts import PersonRow

app = typer.Typer(no_args_is_help=True, help="Contacts: import, look, change, export, erase, suppress.")
app.command("import", epilog=contact_import.EXAMPLES)(contact_import.import_contacts)
suppression.register(app)
app.command(epilog="Example: nurture contacts repair --accept 3")(repair.repair)

Who = Annotated[str, typer.Argument(metavar="WHO", help="An address, or a contact's number.")]
Search = Annotated[str | None, typer.Option("--search", help="Text in address, name or organization.")]
InCategory = Annotated[str | None, typer.Option("--category", help="Only this category.")]
WithTag = Annotated[str | None, typer.Option("--tag", help="Only with this tag.")]
Of = Annotated[str | None, typer.Option("--organization", help="Only of this organization.")]
InSegment = Annotated[str | None, typer.Option("--segment", help="Only of this segment.")]
Archived = Annotated[bool, typer.Option("--archived", help="The archived ones instead.")]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=TEXT", help="A field, as in imports; an empty text clears it."),
]
Categories = Annotated[list[str] | None, typer.Option("--category", help="A category; may be repeated.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", help="A tag; may be repeated.")]
Consent = contact_import.Consent
Household = contact_import.Household


@app.command("list", epilog="Example: nurture contacts list --segment active-gyms --search kim")
def list_contacts(
    search: Search = None,
    category: InCategory = None,
    tag: WithTag = None,
    organization: Of = None,
    segment: InSegment = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = 50,
    after: Annotated[int, typer.Option(help="Go on after this number.", min=0)] = 0,
    *,
    archived: Archived = False,
    as_json: Json = False,
) -> None:
    """List contacts."""
    from nurture.audience.contacts import list_contacts as find

    which = _filter(search, category, tag, organization, segment, archived=archived)
    with house() as clinic, clinic.store.read() as connection:
        now = clinic.clock.now()
        people = find(connection, clinic.workspace, which, now=now, after_id=after, limit=limit)
    if as_json:
        print_json(people)
        return
    print_people(people)
    if len(people) == limit:
        say(f"(more: --after {people[-1].id})", style="dim")


def print_people(people: tuple[PersonRow, ...]) -> None:
    """The table of contacts."""
    table(
        [">id", "name", "address", "organization", "categories", "tags"],
        [
            (
                person.id,
                person.full_name,
                person.address or "(erased)",
                person.organization.name if person.organization else None,
                ", ".join(sorted(person.categories)),
                ", ".join(person.tags),
            )
            for person in people
        ],
    )


def _filter(
    search: str | None,
    category: str | None,
    tag: str | None,
    organization: str | None,
    segment: str | None,
    *,
    archived: bool,
) -> ContactFilter:
    from nurture.audience.contacts import ContactFilter

    return ContactFilter(
        text=search,
        category=next(iter(categories_named([category]))) if category else None,
        tag=tag,
        organization=organization,
        segment=segment,
        archived=archived,
    )


@app.command(epilog="Example: nurture contacts show dr.lee@valley-ortho.example")
def show(who: Who, *, as_json: Json = False) -> None:
    """Show all that is known of one contact: fields, consents, suppressions, the last deliveries."""
    from nurture.audience.contacts import show_contact

    with house() as clinic, clinic.store.read() as connection:
        card = show_contact(connection, who)
        zone = clinic.workspace.settings.zone
    if as_json:
        print_json(card)
    else:
        _print_card(card, zone)


# fmt: off
_SHOWN = (
    "role", "phone", "language", "time_zone", "country", "discharged_on", "may_track", "external_id", "archived_at",
)
# fmt: on


def _print_card(card: ContactCard, zone: ZoneInfo) -> None:
    from nurture.cli.log import print_deliveries

    person = card.person
    say(f"{person.full_name or '(no name)'} <{person.address or 'erased'}>, contact {person.id}", style="bold")
    for name in _SHOWN:
        if (value := getattr(person, name)) is not None:
            say(f"{name}: {value}")
    if person.organization:
        place = ", ".join(filter(None, (person.organization.city, person.organization.region)))
        say(f"organization: {person.organization.name}{f' ({place})' if place else ''}")
    say(f"categories: {', '.join(sorted(person.categories)) or 'none'}; tags: {', '.join(person.tags) or 'none'}")
    for name, value in person.attributes.items():
        say(f"{name}: {value}")
    for row in card.consents:
        until = f" until {row.expires_on}" if row.expires_on else ""
        ended = ", withdrawn" if row.withdrawn_at else ""
        say(f"consent: {row.kind}, {row.source}, {row.obtained_on}{until}{ended}")
    for found in card.suppressions:
        what = f"topic {found.topic}" if found.topic else found.scope
        say(f"suppressed ({what}): {found.reason}, {found.source}", style="yellow")
    if card.deliveries:
        print_deliveries(card.deliveries, zone)


@app.command(epilog="Example: nurture contacts add kim@gym.example --set first_name=Kim --category private_business")
def add(
    address: Annotated[str, typer.Argument(help="The mail address.")],
    values: Set = None,
    category: Categories = None,
    tag: Tags = None,
    consent: Consent = None,
    *,
    household: Household = False,
    as_json: Json = False,
) -> None:
    """Add one contact."""
    from nurture.audience.editing import add_contact

    with house() as clinic:
        person = add_contact(
            clinic.store,
            clinic.workspace,
            address,
            values=pairs(values or [], "--set"),
            categories=categories_named(category or []),
            tags=tag or (),
            consent=consent_given(consent),
            household=household,
            now=clinic.clock.now(),
        )
    if as_json:
        print_json(person)
    else:
        say(f"Added {person.full_name or person.address}, contact {person.id}.")


@app.command(
    epilog="Example: nurture contacts edit kim@gym.example --set phone=555-0123 --consent written:2026-05-02:form"
)
def edit(
    who: Who,
    values: Set = None,
    category: Categories = None,
    not_category: Annotated[list[str] | None, typer.Option(help="A category to take away.")] = None,
    consent: Consent = None,
    *,
    withdraw_consents: Annotated[bool, typer.Option("--withdraw-consents", help="No consent holds any more.")] = False,
    archive: Annotated[
        bool | None, typer.Option("--archive/--unarchive", help="Archived contacts get no mail.")
    ] = None,
    household: Household = False,
    as_json: Json = False,
) -> None:
    """Change one contact: fields, categories, consent; or archive it."""
    from nurture.audience.editing import Edit, edit_contact

    change = Edit(
        values=pairs(values or [], "--set"),
        add_categories=categories_named(category or []),
        remove_categories=categories_named(not_category or []),
        consent=consent_given(consent),
        withdraw_consents=withdraw_consents,
        archived=archive,
        household=household,
    )
    with house() as clinic:
        person = edit_contact(clinic.store, clinic.workspace, who, change, now=clinic.clock.now())
    if as_json:
        print_json(person)
    else:
        say(f"Changed {person.full_name or person.address}, contact {person.id}.")


@app.command(epilog="Example: nurture contacts tag kim@gym.example --add vip --remove paused")
def tag(
    who: Annotated[list[str], typer.Argument(metavar="WHO...", help="Addresses or numbers.")],
    added: Annotated[list[str] | None, typer.Option("--add", help="A tag to add.")] = None,
    removed: Annotated[list[str] | None, typer.Option("--remove", help="A tag to take away.")] = None,
    *,
    as_json: Json = False,
) -> None:
    """Add or take away tags of several contacts, all or none."""
    from nurture.audience.editing import tag_contacts
    from nurture.errors import InputError

    if not (added or removed):
        raise InputError("say which tags: --add TAG or --remove TAG")
    with house() as clinic:
        count = tag_contacts(clinic.store, who, add=added or (), remove=removed or (), now=clinic.clock.now())
    if as_json:
        print_json({"contacts": count})
    else:
        say(f"Tagged {count} {'contact' if count == 1 else 'contacts'}.")


@app.command(epilog="Example: nurture contacts erase kim@gym.example")
def erase(who: Who, *, yes: Yes = False, as_json: Json = False) -> None:
    """Erase one contact: its data goes from every table, from the sandbox and the previews.

    Counts and a keyed hash stay. Cannot be undone.
    """
    from nurture.service.erasing import erase as erase_everywhere

    with house() as clinic:
        confirm(f"Erase {who}? This cannot be undone.", yes=yes)
        done = erase_everywhere(clinic, who)
    if as_json:
        print_json(done)
        return
    mails = "mail was" if done.canceled == 1 else "mails were"
    say(f"Erased contact {done.contact_id}; {done.canceled} waiting {mails} canceled.")
    if not done.suppressed:
        say("Somebody else has the same address, so it is not suppressed.", style="yellow")


@app.command(epilog="Example: nurture contacts export gyms.csv --segment active-gyms")
def export(
    file: Annotated[Path, typer.Argument(help="The CSV file to write; an older one is replaced.")],
    search: Search = None,
    category: InCategory = None,
    tag: WithTag = None,
    organization: Of = None,
    segment: InSegment = None,
    *,
    archived: Archived = False,
    as_json: Json = False,
) -> None:
    """Write contacts to a CSV file that spreadsheets can open safely and imports can read."""
    from nurture.audience.exporting import export_contacts

    which = _filter(search, category, tag, organization, segment, archived=archived)
    with house() as clinic:
        count = export_contacts(clinic.store, clinic.workspace, file, which, now=clinic.clock.now())
    if as_json:
        print_json({"contacts": count, "file": file})
    else:
        say(f"Wrote {count} contacts to {file}. It holds personal data: keep it private.")
