"""The names that templates may use, checked before anything is rendered."""

from __future__ import annotations

from jinja2 import meta, nodes

from nurture.composing.compile import Compiled, parse
from nurture.composing.environment import MailEnvironment
from nurture.composing.marks import place_of_line
from nurture.errors import Problem
from nurture.workspace.suggestions import did_you_mean

NAMES = frozenset(
    [
        "contact",
        "organization",
        "clinic",
        "brand",
        "sender",
        "signer",
        "news",
        "values",
        "body",
        "campaign",
        "edition",
        "subject",
        "preheader",
        "links",
    ]
)


def used_names(compiled: Compiled) -> set[str]:
    """The names that ``compiled`` takes from its context."""
    return set(meta.find_undeclared_variables(parse(compiled, MailEnvironment(html=True))))


def used_attributes(compiled: Compiled) -> set[str]:
    """Every attribute name that ``compiled`` asks for, of whatever."""
    tree = parse(compiled, MailEnvironment(html=True))
    plain = {node.attr for node in tree.find_all(nodes.Getattr)}
    keys = {node.arg.value for node in tree.find_all(nodes.Getitem) if isinstance(node.arg, nodes.Const)}
    return plain | {key for key in keys if isinstance(key, str)}


def unknown_names(compiled: Compiled) -> list[Problem]:
    """A problem for every name that no mail knows, at its place."""
    tree = parse(compiled, MailEnvironment(html=True))
    unknown = meta.find_undeclared_variables(tree) - NAMES
    problems = []
    for name in sorted(unknown):
        lines = [node.lineno for node in tree.find_all(nodes.Name) if node.name == name]
        place = place_of_line(compiled.origins, min(lines, default=0), compiled.file)
        problems.append(place.problem(f"undefined variable `{name}`{did_you_mean(name, NAMES)}"))
    return problems
