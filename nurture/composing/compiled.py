"""Jinja source that came out of compiling, and what can be told of it before anything is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import meta, nodes

from nurture.composing.environment import CANNOT_COMPILE, CompiledText, MailEnvironment, syntax_problem
from nurture.composing.marks import Origin
from nurture.errors import ComposeError


@dataclass(frozen=True, slots=True)
class Compiled:
    """Jinja source, the file it mainly comes from, and where its lines come from."""

    source: str
    file: str
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a text asks for: ``names`` from its context with the line of each, ``attributes`` of whatever."""

    names: Mapping[str, int]
    attributes: frozenset[str]


def parse(compiled: Compiled, environment: MailEnvironment) -> nodes.Template:
    """The syntax tree of ``compiled``; raises `ComposeError` at the place where it was written."""
    try:
        return environment.parse(compiled.source)
    except CANNOT_COMPILE as error:
        raise ComposeError([syntax_problem(error, compiled.origins, compiled.file)]) from error


@lru_cache(maxsize=64)  # editions share their templates
def usage(compiled: Compiled) -> Usage:
    """What ``compiled`` asks for; raises `ComposeError` where Jinja cannot make a program of it."""
    environment = MailEnvironment(html=True)
    tree = parse(compiled, environment)
    try:
        undeclared = meta.find_undeclared_variables(tree)
    except CANNOT_COMPILE as error:
        raise ComposeError([syntax_problem(error, compiled.origins, compiled.file)]) from error
    lines: dict[str, int] = {}
    attributes = set()
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Name):
            if node.name in undeclared:
                lines[node.name] = min(node.lineno, lines.get(node.name, node.lineno))
        elif isinstance(node, nodes.Getattr):
            attributes.add(node.attr)
        elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            attributes.add(node.arg.value)
    CompiledText(tree, environment, file=compiled.file, origins=compiled.origins)
    return Usage(lines, frozenset(attributes))
