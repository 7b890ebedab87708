"""Links of a mail that lead over the clinic's page, so that it can tell which ones are followed.

Once for each edition the targets are numbered, from what all its mails share: the template, the campaign's words and
values, the news. The page finds a target by its number, never in an address. A link that holds anything of a reader's
is no target, so it stays as it is, and so do links to mail and telephone, anchors and the way out.

A wrapped link holds `CLICK_MARK` where each mail puts its token at the end, all of them in one step.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any, Final

from jinja2 import nodes, pass_context
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer
from markupsafe import escape

from nurture.composing.binding import bind_shared
from nurture.composing.compiled import Compiled, parse
from nurture.composing.environment import MailEnvironment
from nurture.composing.mime import CLICK_MARK
from nurture.composing.way_out import click_link

HIDDEN: Final = 0  # the number of the link that no person sees
TABLE: Final = "followed_links"  # in the context of a mail: the wrapped links by target; empty where nothing is noted
PIXEL: Final = "pixel"  # likewise: what tells us that the mail is read, before the end of its body
_FILTER: Final = "followed"
_HREF: Final = re.compile(r'(<a\b[^<>]*?\bhref=")([^"<>]*)(?=")', re.IGNORECASE)
_OPEN_HREF: Final = re.compile(r'<a\b[^<>]*?\bhref="\Z', re.IGNORECASE)
_WEB: Final = re.compile(r"https?://[^\s\x00-\x1f]+", re.IGNORECASE)


def targets_of(
    texts: Mapping[str, Compiled], shared: Mapping[str, Any], news: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Where links of an edition lead, by number; number 0 is `HIDDEN` and leads to the clinic's site."""
    site = shared["clinic"]["site"]
    found = {site}
    for name in ("html", "body_html"):
        if name in texts:
            tree = bind_shared(parse(texts[name], MailEnvironment(html=True)), shared, html=True)
            found.update(*(_in_html(part.data) for part in tree.find_all(nodes.TemplateData)))
    found.update(_in_values(shared["values"]))
    for item in news.values():
        found.update(_in_values(item.get("link")))
        found.update(*(_in_html(words["html"]) for words in item["words"].values()))
    return (site, *sorted(found))


class FollowedLinks:
    """The wrapped links of one edition."""

    def __init__(self, page: str, targets: Sequence[str]) -> None:
        self.table: Mapping[str, str] = {
            target: click_link(page, CLICK_MARK, number) for number, target in enumerate(targets) if number != HIDDEN
        }
        self.hidden = click_link(page, CLICK_MARK, HIDDEN)

    def prepare(self, template: nodes.Template, environment: MailEnvironment) -> nodes.Template:
        """``template`` whose links ask for their wrapped form with each mail; it is changed in place."""
        environment.filters[_FILTER] = _followed
        prepared: nodes.Template = _Wrap(self.table).visit(template)
        return prepared

    def in_html(self, html: str) -> str:
        """Finished HTML with its links wrapped."""

        def wrapped(match: re.Match[str]) -> str:
            found = self.table.get(unescape(match[2]))
            return match[1] + (match[2] if found is None else str(escape(found)))

        return _HREF.sub(wrapped, html)


@pass_context
def _followed(context: Context, value: Any) -> Any:  # noqa: ANN401 - templates hand over anything
    table = context.get(TABLE)
    return table.get(value, value) if table and isinstance(value, str) else value


class _Wrap(NodeTransformer):
    """Puts the filter behind all that is the whole address of a link."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = table

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 - named by jinja2
        parts: list[nodes.Expr] = []
        for place, part in enumerate(node.nodes):
            if isinstance(part, nodes.TemplateData):
                parts += self._constant(part)
            elif self._is_address(node.nodes, place):
                parts.append(_filtered(part))
            else:
                parts.append(part)
        return nodes.Output([piece for part in parts for piece in _with_pixel(part)], lineno=node.lineno)

    def _constant(self, part: nodes.TemplateData) -> Iterator[nodes.Expr]:
        end = 0
        for match in _HREF.finditer(part.data):
            target = unescape(match[2])
            if target in self._table:
                yield nodes.TemplateData(part.data[end : match.start(2)], lineno=part.lineno)
                yield _filtered(nodes.Const(target, lineno=part.lineno))
                end = match.end(2)
        yield nodes.TemplateData(part.data[end:], lineno=part.lineno)

    @staticmethod
    def _is_address(parts: Sequence[nodes.Expr], place: int) -> bool:
        """Whether a value stands alone between ``href="`` and ``"``."""
        if not 0 < place < len(parts) - 1:
            return False
        before, after = parts[place - 1], parts[place + 1]
        return (
            isinstance(before, nodes.TemplateData)
            and isinstance(after, nodes.TemplateData)
            and after.data.startswith('"')
            and _OPEN_HREF.search(before.data) is not None
        )


def _with_pixel(part: nodes.Expr) -> Iterator[nodes.Expr]:
    before, end, after = part.data.partition("</body>") if isinstance(part, nodes.TemplateData) else ("", "", "")
    if not end:
        yield part
        return
    yield nodes.TemplateData(before, lineno=part.lineno)
    yield nodes.Name(PIXEL, "load", lineno=part.lineno)
    yield nodes.TemplateData(end + after, lineno=part.lineno)


def _filtered(value: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, _FILTER, [], [], None, None, lineno=value.lineno)


def _in_html(html: str) -> Iterator[str]:
    return (target for match in _HREF.finditer(html) if _WEB.fullmatch(target := unescape(match[2])))


def _in_values(value: object) -> Iterable[str]:
    if isinstance(value, str):
        return (value,) if _WEB.fullmatch(value) else ()
    if isinstance(value, Mapping):
        return (target for part in value.values() for target in _in_values(part))
    if isinstance(value, (list, tuple)):
        return (target for part in value for target in _in_values(part))
    return ()
