"""``nurture segments``: the named rules, whom they match, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nurture.cli.options import Json, house
from nurture.cli.output import print_json, say, table

if TYPE_CHECKING:
    from nurture.audience.segments import Expression
    from nurture.service.house import House
    from nurture.store import Connection
    from nurture.workspace.conditions import Condition

app = typer.Typer(invoke_without_command=True, help="Segments: named rules for who is meant.")


@app.callback()
def segments(context: typer.Context, *, as_json: Json = False) -> None:
    """List the segments with their counts."""
    if context.invoked_subcommand is not None:
        return
    from nurture.audience.segments import count
    from nurture.audience.words import in_words

    with house() as clinic, clinic.store.read() as connection:
        known = clinic.workspace.segments
        rows = [
            {
                "segment": name,
                "people": count(connection, _compiled(clinic, connection, rule)),
                "rule": in_words(rule, known),
            }
            for name, rule in sorted(known.items())
        ]
    if as_json:
        print_json(rows)
    else:
        table(["segment", ">people", "rule"], [tuple(row.values()) for row in rows])


@app.command(epilog="Example: nurture segments show active-gyms")
def show(
    name: Annotated[str, typer.Argument(help="The segment's name, or a campaign's (its `to`).")],
    limit: Annotated[int, typer.Option(help="How many examples.", min=0, max=1000)] = 5,
    *,
    as_json: Json = False,
) -> None:
    """Show one segment: how many people, examples, and the rule in plain words."""
    from nurture.audience.segments import count, examples
    from nurture.audience.words import in_words

    with house() as clinic, clinic.store.read() as connection:
        rule = _rule(clinic, name)
        where = _compiled(clinic, connection, rule)
        total = count(connection, where)
        people = examples(connection, where, limit=limit)
        words = in_words(rule, clinic.workspace.segments)
    if as_json:
        print_json({"segment": name, "people": total, "rule": words, "examples": people})
        return
    say(f"{name}: {total} {'person' if total == 1 else 'people'}", style="bold")
    say(words)
    if people:
        say()
        table(
            ["id", "name", "address", "organization", "categories"],
            [
                (
                    person.id,
                    person.full_name,
                    person.address,
                    person.organization.name if person.organization else None,
                    ", ".join(sorted(person.categories)),
                )
                for person in people
            ],
        )


def _rule(clinic: House, name: str) -> Condition:
    from nurture.errors import NotFoundError
    from nurture.workspace.suggestions import did_you_mean

    if name in clinic.workspace.segments:
        return clinic.workspace.segments[name]
    if name in clinic.workspace.campaigns:
        return clinic.workspace.campaigns[name].to
    known = [*clinic.workspace.segments, *clinic.workspace.campaigns]
    raise NotFoundError(f"there is no segment or campaign `{name}`{did_you_mean(name, known)}")


def _compiled(clinic: House, connection: Connection, rule: Condition) -> Expression:
    from nurture.audience.segments import compile_condition
    from nurture.store import meta

    now = clinic.clock.now()
    today = clinic.workspace.settings.today(now)
    mode = meta.get_mode(connection)
    return compile_condition(rule, segments=clinic.workspace.segments, today=today, now=now, mode=mode)
