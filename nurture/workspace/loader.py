"""The one loader: files to documents, documents to models, all problems at once."""

from __future__ import annotations

import pathlib
import stat
from collections.abc import Iterator
from typing import TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from nurture.errors import FilesError, Problem
from nurture.workspace.condition_parser import parse_condition
from nurture.workspace.conditions import Condition, ConditionError, Path
from nurture.workspace.document import MAX_BYTES, Document, Node, read_document, read_mapping
from nurture.workspace.suggestions import did_you_mean

__all__ = ["load_condition", "load_model", "read_document", "read_mapping", "read_text", "validate"]

M = TypeVar("M", bound=BaseModel)

# What a pattern wants, in words; patterns themselves help nobody.
_PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,62}$": "use small letters, digits and `-`, at most 63, for example `partner-news`",
    r"^#[0-9a-fA-F]{6}$": 'write a colour as "#0b5c6b", quoted',
    r"^[A-Z]{2}$": "write the country with two capital letters, for example `US`",
    # never with what is there: it may hold a password
    r"^(sqlite|postgresql\+psycopg):|^(env|file):": "write `sqlite:///data/nurture.db`, "
    "`postgresql+psycopg://HOST/NAME`, or where the address is: `env:NAME`, `file:PATH`",
    r"^https?://[^\s]+$": "write an address that starts with http:// or https://",
}


def read_text(path: pathlib.Path, *, file: str) -> str:
    """The text of one of the clinic's files; ``file`` is its name for people.

    Raises `FilesError` when it is not an ordinary UTF-8 file of at most 1 MB.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FilesError([Problem(file, 0, 0, "this is not an ordinary file")])
        if status.st_size > MAX_BYTES:
            raise FilesError([Problem(file, 0, 0, "the file is larger than 1 MB")])
        data = path.read_bytes()
    except OSError as error:
        raise FilesError([Problem(file, 0, 0, f"the file cannot be read: {error.strerror}")]) from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise FilesError([Problem(file, line, column, "the file is not UTF-8; save it as UTF-8")]) from error


def load_model(path: pathlib.Path, model: type[M], *, file: str) -> tuple[M, Document]:
    """Read and check one file; raises `FilesError` with all its problems."""
    document = read_mapping(read_text(path, file=file), file=file)
    return validate(document, model), document


def load_condition(path: pathlib.Path, *, file: str) -> tuple[Condition, Document]:
    """Read a file that holds one condition; raises `FilesError` with all its problems."""
    document = read_document(read_text(path, file=file), file=file)
    try:
        return parse_condition(document.value), document
    except ConditionError as error:
        raise FilesError(list(_condition_problems(document, (), error))) from error


def validate(document: Document, model: type[M]) -> M:
    """The model of a document; raises `FilesError` with every problem at its place."""
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        problems: dict[tuple[int, int, object], Problem] = {}
        for details in error.errors(include_url=False):
            # A key or value with several allowed kinds gets one message for each; the first is enough.
            what = details["loc"][-1] if details["type"] == "missing" else "[key]" in details["loc"]
            for problem in _problems(document, model, details):
                problems.setdefault((problem.line, problem.column, what), problem)
        raise FilesError(list(problems.values())) from error


def _condition_problems(document: Document, path: Path, error: ConditionError) -> Iterator[Problem]:
    for problem in error.problems:
        yield document.problem((*path, *problem.path), problem.message, at_key=problem.at_key)


def _problems(document: Document, model: type[BaseModel], details: ErrorDetails) -> Iterator[Problem]:
    path, node = _locate(document, details["loc"])
    context = details.get("ctx", {})
    kind = details["type"]
    inner = context.get("error")
    if isinstance(inner, ConditionError):
        yield from _condition_problems(document, path, inner)
    elif kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        yield document.problem(path, f"unknown key `{path[-1]}`{did_you_mean(str(path[-1]), known)}", at_key=True)
    elif kind == "missing":
        yield document.problem(path, f"`{details['loc'][-1]}` is missing", at_key=True)
    elif "[key]" in details["loc"]:
        yield document.problem(path, f"`{path[-1]}` does not fit here: {_message(details, node)}", at_key=True)
    else:
        yield document.problem(path, _message(details, node))


def _locate(document: Document, loc: Path) -> tuple[Path, Node]:
    """The part of pydantic's ``loc`` that exists in the file (it also names union members and keys)."""
    node, path = document.root, []
    for step in loc:
        below = node.child(step)
        if below is not None:
            node = below
            path.append(step)
    return tuple(path), node


def _keys_at(model: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The keys that the model knows at ``path``."""
    here: list[object] = [model]
    for step in path:
        below: list[object] = []
        for kind in here:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                found = kind.model_fields.get(str(step))
                below += _kinds(found.annotation) if found else []
            else:
                below += [part for argument in get_args(kind) for part in _kinds(argument)]
        here = below
    return tuple(
        name for kind in here if isinstance(kind, type) and issubclass(kind, BaseModel) for name in kind.model_fields
    )


def _kinds(annotation: object) -> list[object]:
    """The alternatives of an annotation: ``X | None`` and ``Annotated[X, ...]`` give X."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    arguments = get_args(annotation)
    origin = getattr(annotation, "__origin__", None)
    if origin in (dict, tuple, list):
        return [annotation]
    return [kind for argument in arguments for kind in _kinds(argument)]


def _message(details: ErrorDetails, node: Node) -> str:
    kind, context = details["type"], details.get("ctx", {})
    given = details["input"]
    if kind.startswith("date_"):
        return f"`{node.raw}` is not a date; write for example `2026-12-01`, a day that exists"
    if "error" in context:
        return str(context["error"])
    if given is None:
        return "a value is missing here"
    if kind == "string_type" and node.raw:
        what = {bool: "yes or no", int: "a number", float: "a number"}.get(type(given), "a date")
        return f'text is expected, but {node.raw} is {what} in YAML; quote it: "{node.raw}"'
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(str(context["pattern"]), f"{given!r} has not the right form ({context['pattern']})")
    if kind in ("enum", "literal_error"):
        wanted = [word.strip(" '\"") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        hint = did_you_mean(str(given), wanted) or f"; there are {', '.join(wanted)}"
        return f"`{str(given)[:60]}` is unknown{hint}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return "keys and values are expected here"
    if kind in ("tuple_type", "list_type"):
        return "a list is expected here, for example `[one, two]`"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"write {context['ge']} or more" if "ge" in context else f"write {context['le']} or less"
    if kind in ("int_parsing", "int_type", "int_from_float", "float_parsing", "float_type"):
        what = "a number" if kind.startswith("float") else "a whole number"
        return f"{what} is expected here, not `{node.raw}`"
    return f"{details['msg'][0].lower()}{details['msg'][1:]}"
