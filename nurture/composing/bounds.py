"""What keeps a template from taking all time or all memory.

Loops and calls are counted together; what would make a text or a number grow
without end is judged before it is made.
"""

# ruff: noqa: ANN401 - templates hand over anything

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import nodes, pass_context, pass_eval_context
from jinja2.exceptions import SecurityError
from jinja2.filters import do_join, do_replace
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, markup_join, str_join
from jinja2.visitor import NodeTransformer

MAX_TEXT = 2 * 1024 * 1024
MAX_STEPS = 100_000
_MAX_REPEATED = 10_000
_MAX_BITS = 10_000


class CountingContext(Context):
    """The values of one rendering, and how many rounds and calls it has taken."""

    steps = 0

    def step(self) -> None:
        """Count one; raises `SecurityError` when there were too many."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise SecurityError(f"loops and macros take more than {MAX_STEPS:,} steps")


class Bounding(NodeTransformer):
    """Puts a counter into each loop, and a judge before each ``~``."""

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - jinja2's name
        """``for x in y`` becomes ``for x in y | counted``."""
        self.generic_visit(node)
        node.iter = nodes.Filter(node.iter, "counted", [], [], None, None, lineno=node.lineno)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Filter:  # noqa: N802 - jinja2's name
        """``a ~ b`` becomes ``[a, b] | concatenated``."""
        self.generic_visit(node)
        pieces = nodes.List(node.nodes, lineno=node.lineno)
        return nodes.Filter(pieces, "concatenated", [], [], None, None, lineno=node.lineno)


def judge(operator: str, left: Any, right: Any) -> None:
    """Raise `SecurityError` for what would be too large, and for ``%`` formatting."""
    if operator == "%" and isinstance(left, (str, bytes)):
        raise SecurityError("formatting with % does not work in mails; use filters")
    if operator == "**" and not (_small(left) and _small(right)):
        raise SecurityError("this power would be too large")
    if operator == "+" and hasattr(left, "__len__") and hasattr(right, "__len__"):
        _allow(len(left) + len(right))
    if operator == "*":
        for sequence, times in ((left, right), (right, left)):
            if isinstance(sequence, (list, tuple)):
                raise SecurityError("only a text can be repeated")
            if isinstance(sequence, str) and isinstance(times, int) and len(sequence) * times > _MAX_REPEATED:
                raise SecurityError("this repetition would be too long")
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > _MAX_BITS:
            raise SecurityError("this number would be too large")


@pass_context
def counted(context: CountingContext, values: Iterable[Any]) -> Iterator[Any]:
    """``values`` one by one, each a step."""
    for value in values:
        context.step()
        yield value


@pass_eval_context
def concatenated(evaluated: EvalContext, pieces: list[Any]) -> str:
    """What ``~`` makes of ``pieces``."""
    _allow(_length(pieces))
    text: str = markup_join(pieces) if evaluated.autoescape else str_join(pieces)
    return text


@pass_eval_context
def replace(evaluated: EvalContext, text: Any, old: Any, new: Any, count: int | None = None) -> str:
    """Jinja's ``replace``."""
    words, old, new = str(text), str(old), str(new)
    _allow(len(words) + words.count(old) * len(new))
    replaced: str = do_replace(evaluated, text, old, new, count)
    return replaced


@pass_eval_context
def join(evaluated: EvalContext, values: Iterable[Any], between: str = "", attribute: str | int | None = None) -> str:
    """Jinja's ``join``."""
    pieces = list(values)
    _allow(_length(pieces) + len(pieces) * len(str(between)))
    joined: str = do_join(evaluated, pieces, between, attribute)
    return joined


def _length(pieces: list[Any]) -> int:
    return sum(len(piece) for piece in pieces if isinstance(piece, str))


def _allow(length: int) -> None:
    if length > MAX_TEXT:
        raise SecurityError(f"the text is longer than {MAX_TEXT // 1024} kB")


def _small(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= 1000
