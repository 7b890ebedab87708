"""What all mails of an edition share becomes constant text of the compiled template.

``{{ brand.primary }}`` is the same in each mail; put in once, it is escaped and
encoded once. Only plain look-ups are replaced, where nothing in the template
gives the name another meaning, so the mails stay the same byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer
from markupsafe import escape


def bind_shared(template: nodes.Template, shared: Mapping[str, Any], *, html: bool) -> nodes.Template:
    """``template`` with look-ups of texts in ``shared`` replaced; it is changed in place."""
    own = {node.name for node in template.find_all(nodes.Name) if node.ctx != "load"}
    own |= {node.name for node in template.find_all((nodes.Macro,))}
    known = {name: value for name, value in shared.items() if name not in own}
    bound: nodes.Template = _Bind(known, html=html).visit(template)
    return bound


def always_shown(template: nodes.Template) -> str:
    """The constant text that stands in every mail: outside of conditions, loops and macros."""
    return "".join(
        part.data
        for statement in template.body
        if isinstance(statement, nodes.Output)
        for part in statement.nodes
        if isinstance(part, nodes.TemplateData)
    )


class _Bind(NodeTransformer):
    def __init__(self, shared: Mapping[str, Any], *, html: bool) -> None:
        self._shared, self._html = shared, html

    def visit_Output(self, node: nodes.Output) -> nodes.Output:  # noqa: N802 - named by jinja2
        parts: list[nodes.Expr] = []
        for part in node.nodes:
            value = self._look_up(part)
            if isinstance(value, str):
                text = str(escape(value)) if self._html else value
                part = nodes.TemplateData(text, lineno=part.lineno)
            if parts and isinstance(part, nodes.TemplateData) and isinstance(parts[-1], nodes.TemplateData):
                parts[-1] = nodes.TemplateData(parts[-1].data + part.data, lineno=parts[-1].lineno)
            else:
                parts.append(part)
        return nodes.Output(parts, lineno=node.lineno)

    def _look_up(self, node: nodes.Node) -> object:
        """The value of ``name.name.name`` in what is shared; None for anything else."""
        if isinstance(node, nodes.Name):
            return self._shared.get(node.name)
        if isinstance(node, nodes.Getattr):
            parent = self._look_up(node.node)
            return parent.get(node.attr) if isinstance(parent, Mapping) else None
        return None
