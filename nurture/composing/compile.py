"""A template from its files to Jinja source for the HTML and the text part.

MJML with marks -> mrml -> css-inline -> the tokens put back. No data is seen
here; the result renders any contact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from mjml import mjml2html

from nurture.composing.compiled import Compiled, usage
from nurture.composing.includes import expand, read_source
from nurture.composing.lint import Findings, lint
from nurture.composing.marks import HiddenText, Marks, Origin, Place
from nurture.composing.styles import inline_styles, moved_mark, style_rules
from nurture.composing.text import html_to_text
from nurture.errors import ComposeError

_MOVED = (
    "near here the HTML breaks the rules of nesting (for example a <div> in a <p>, a link in a link, text between "
    "table rows), so mail programs would show something else than what is written"
)
_POSITION = re.compile(r"at position (\d+):(\d+)")


@dataclass(frozen=True, slots=True)
class CompiledTemplate:
    """Both parts of a template, and the image files that it names itself.

    ``css`` are its style rules, for HTML that comes in as a value; ``images``
    maps a path in the workspace to the ``cid:`` word in the HTML.
    """

    html: Compiled
    text: Compiled
    css: Compiled
    images: dict[str, str]


def compile_template(root: Path, name: str, *, language: str = "en") -> CompiledTemplate:
    """Compile ``templates/emails/NAME.mjml`` of the workspace ``root``.

    Raises `ComposeError` with every problem at its file, line and column.
    """
    folder = root / "templates" / "emails"
    marks = Marks()
    hidden = expand(root, folder, f"{name}.mjml", marks)
    findings = lint(hidden, marks)
    if findings.problems:
        raise ComposeError(findings.problems)
    hidden, images = _embed(hidden, findings)
    file = f"templates/emails/{name}.mjml"
    plain = _to_html(hidden, file)
    html = inline_styles(plain)
    html = html.replace(' lang="und"', f' lang="{language}"', 2)  # of <html> and of the article in it
    lost = [mark for mark in marks.missing_in(html) if mark.number not in findings.default_marks]
    if lost:
        raise ComposeError(
            [
                mark.place.problem(f"MJML dropped {mark.token}: here it needs fixed text that it can read")
                for mark in lost
            ]
        )
    if moved := moved_mark(plain, html):
        raise ComposeError([marks.in_text(moved)[0].place.problem(_MOVED)])
    source, origins = marks.restore(html)
    compiled = Compiled(source, file, tuple(origins))
    usage(compiled)
    if (folder / f"{name}.txt").exists():
        text = _text_template(root, folder, name)
    else:
        source, origins = marks.restore(marks.tighten(html_to_text(html)))
        text = Compiled(source, file, tuple(origins))
    usage(text)
    source, origins = marks.restore(style_rules(plain))
    return CompiledTemplate(compiled, text, Compiled(source, file, tuple(origins)), images)


def _text_template(root: Path, folder: Path, name: str) -> Compiled:
    source = read_source(root, folder, f"{name}.txt")
    Marks().hide(source)  # refuses what does not work in mails
    return Compiled(source.text, source.file, (Origin(1, source.file, 1),))


def _embed(hidden: HiddenText, findings: Findings) -> tuple[HiddenText, dict[str, str]]:
    """The text with ``cid:`` words in place of the image files it names."""
    whole, end = HiddenText(), 0
    images: dict[str, str] = {}
    for start, stop, path in sorted(findings.images):
        whole.append_slice(hidden, end, start)
        word = images.setdefault(path, f"cid:image{len(images) + 1}")
        whole.append_like(word, hidden, start)
        end = stop
    whole.append_slice(hidden, end, len(hidden.text))
    return whole, images


def _to_html(hidden: HiddenText, file: str) -> str:
    try:
        return mjml2html(hidden.text, disable_comments=True, fonts={}, social_icon_origin="")
    except ValueError as error:
        found = _POSITION.search(str(error))
        place = hidden.place_of_byte(int(found[1])) if found else Place(file, 0, 0)
        raise ComposeError([place.problem(f"MJML: {error}")]) from error
