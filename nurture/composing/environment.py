"""The Jinja sandbox in which everything is rendered.

Strict: an undefined or empty value is an error, never a blank or "None".
Bounded: what templates could blow up (loops, macros, repetition, padding) is refused, see `bounds`.
Values are only ever data; nothing that comes from a contact or a feed is
parsed as a template.
"""

# ruff: noqa: ANN401 - templates hand over anything

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import quote

from jinja2 import StrictUndefined, nodes
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from nurture.composing.bounds import MAX_TEXT, Bounding, CountingContext, concatenated, counted, join, judge, replace
from nurture.composing.marks import Origin, place_of_line
from nurture.errors import ComposeError, Problem, RenderError

MAX_RANGE = 1000
_MAX_PIECES = 100_000
_FILTERS = [
    "abs",
    "capitalize",
    "count",
    "d",
    "default",
    "e",
    "escape",
    "first",
    "float",
    "groupby",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
]
_METHODS: Mapping[type, frozenset[str]] = {
    str: frozenset(
        [
            "lower",
            "upper",
            "title",
            "capitalize",
            "strip",
            "lstrip",
            "rstrip",
            "startswith",
            "endswith",
            "split",
        ]
    ),
    dict: frozenset(["get", "items", "keys", "values"]),
    list: frozenset(["index", "count"]),
    tuple: frozenset(["index", "count"]),
}


# Jinja's own error, and Python's of the program that Jinja makes: 20 loops in each other, or 1,000 brackets.
CANNOT_COMPILE = (TemplateSyntaxError, SyntaxError, RecursionError)


class MailEnvironment(ImmutableSandboxedEnvironment):
    """Jinja with only what mails need."""

    context_class = CountingContext
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, *, html: bool, finalize: Callable[[Any], Any] | None = None) -> None:
        super().__init__(
            autoescape=html,
            undefined=StrictUndefined,
            keep_trailing_newline=True,
            finalize=finalize or refuse_empty,
            cache_size=0,
        )
        self.filters = {name: self.filters[name] for name in _FILTERS}
        self.filters.update(date=_date, telephone=_telephone, quoted=_quoted)
        self.filters.update(counted=counted, concatenated=concatenated, join=join, replace=replace)
        self.globals = {"range": _range}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """``obj.attribute``; in a mapping, a key goes before a method."""
        if obj.__class__ is dict:
            if attribute in obj:
                return obj[attribute]
            if attribute not in _METHODS[dict]:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only plain data and a few harmless methods; everything else is refused."""
        if callable(value):
            return any(isinstance(obj, kind) and attr in names for kind, names in _METHODS.items()) or (
                type(obj).__module__.startswith("jinja2.") and super().is_safe_attribute(obj, attr, value)
            )
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """``'{:>1000000000}'.format(1)`` has a width without end: formatting is refused as any other method."""

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Count calls: macros may call each other."""
        if isinstance(context, CountingContext):
            context.step()
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Operators, judged first."""
        judge(operator, left, right)
        return super().call_binop(context, operator, left, right)


def refuse_empty(value: Any) -> Any:
    """A null is a missing value, not the word "None"."""
    if value is None:
        raise SecurityError("the value is empty; give it a default: `{{ value | default('...') }}`")
    return value


class CompiledText:
    """One compiled Jinja text that renders values and places its errors.

    ``file`` and ``origins`` say where its lines come from. Raises `ComposeError`
    where Jinja or Python cannot make a program of it.
    """

    def __init__(
        self,
        source: str | nodes.Template,
        environment: MailEnvironment,
        *,
        file: str,
        origins: Sequence[Origin] = (),
    ) -> None:
        self.file = file
        self.origins = origins
        try:
            tree = environment.parse(source) if isinstance(source, str) else source
            self._template = environment.from_string(Bounding().visit(tree))
            # jinja's ChainMap is walked through twice with each text
            self._template.globals = dict(self._template.globals)
        except CANNOT_COMPILE as error:
            raise ComposeError([syntax_problem(error, self.origins, file)]) from error

    def render(self, values: dict[str, Any]) -> str:
        """The text for ``values``; raises `RenderError` at the template's file and line."""
        try:
            context = self._template.new_context(values)
            pieces = list(islice(self._template.root_render_func(context), _MAX_PIECES))
            text = "".join(pieces)
            if len(pieces) == _MAX_PIECES or len(text) > MAX_TEXT:
                raise SecurityError(f"the text is longer than {MAX_TEXT // 1024} kB")
        except RecursionError as error:
            raise RenderError([Problem(self.file, 0, 0, "a macro calls itself without end")]) from error
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError, NameError) as error:
            raise RenderError([self._problem(error)]) from error
        return text

    def _problem(self, error: Exception) -> Problem:
        """``error`` placed by the template's line in its traceback."""
        line, trace = None, error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_globals.get("__jinja_template__") is self._template:
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return place_of_line(self.origins, line, self.file).problem(str(error) or type(error).__name__)


def syntax_problem(error: Exception, origins: Sequence[Origin], file: str) -> Problem:
    """One of `CANNOT_COMPILE` at the place where the clinic wrote it."""
    if not isinstance(error, TemplateSyntaxError):
        return Problem(file, 0, 0, "template syntax: statements or brackets are nested too deep")
    return place_of_line(origins, error.lineno, file).problem(f"template syntax: {error.message}")


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > MAX_RANGE:
        raise SecurityError(f"a range may have at most {MAX_RANGE} numbers")
    return numbers


_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
_DATE_PART = re.compile(r"%(-?[A-Za-z%])")


def _date(value: Any, pattern: str = "%B %-d, %Y") -> str:
    """A date, a datetime or their ISO text in words: ``{{ item.date | date }}``.

    ``pattern`` knows %A %a %B %b %d %-d %m %Y %H %I %-I %M %p; always in English, on every machine.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if "T" in value or " " in value else date.fromisoformat(value)
        except ValueError as error:
            raise SecurityError("the text is no date; write dates as 2026-12-01") from error
    if not isinstance(value, date):
        raise SecurityError(f"{type(value).__name__} is no date")
    return _in_words(value, value.isoformat(), pattern)


@lru_cache(maxsize=256)
def _in_words(value: date, written: str, pattern: str) -> str:
    # ``written`` only tells apart what is equal: 10:00+00:00 and 12:00+02:00
    at = value.time() if isinstance(value, datetime) else time()
    parts = {
        "A": _WEEKDAYS[value.weekday()],
        "a": _WEEKDAYS[value.weekday()][:3],
        "B": _MONTHS[value.month - 1],
        "b": _MONTHS[value.month - 1][:3],
        "d": f"{value.day:02}",
        "-d": str(value.day),
        "m": f"{value.month:02}",
        "Y": str(value.year),
        "H": f"{at.hour:02}",
        "I": f"{at.hour % 12 or 12:02}",
        "-I": str(at.hour % 12 or 12),
        "M": f"{at.minute:02}",
        "p": "am" if at.hour < 12 else "pm",
        "%": "%",
    }

    def part(match: re.Match[str]) -> str:
        if match[1] not in parts:
            raise SecurityError(f"the date pattern has an unknown part {match[0]!r}")
        return parts[match[1]]

    return _DATE_PART.sub(part, pattern)


def _telephone(value: Any) -> str:
    """A ``tel:`` link for a number as people write it (RFC 3966)."""
    text = str(value)
    return "tel:" + ("+" if text.strip().startswith("+") else "") + re.sub(r"\D", "", text)


def _quoted(value: Any) -> str:
    """A text percent-encoded as a part of an address, blanks as %20 (RFC 3986)."""
    return quote(str(value), safe="")
