"""Compiling: MJML with Jinja becomes Jinja HTML in which everything is where it was."""

import re
from importlib.metadata import packages_distributions, version

import mjml
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.composing.compile import compile_template
from nurture.composing.environment import CompiledText, MailEnvironment
from nurture.composing.marks import Marks, Source
from nurture.composing.styles import inline_styles, moved_mark
from nurture.errors import RenderError
from tests.composing.clinic import Clinic

CONDITIONAL = re.compile(r"<!--\[if.*?<!\[endif\]-->|<!--<!\[endif\]-->|<!--\[if[^>]*\]><!-->", re.DOTALL)


def test_the_mjml_package_is_mjml_python() -> None:
    # another package on PyPI installs a folder of the same name and overwrites ours
    assert set(packages_distributions()["mjml"]) == {"mjml-python"}
    assert version("mjml-python") >= "1.4.2"
    assert mjml.mjml2html.__module__ is None or "mjml" in mjml.mjml2html.__module__
    assert type(mjml.mjml2html).__name__ == "builtin_function_or_method"


def test_conditional_comments_survive_byte_for_byte() -> None:
    text = "<mj-section><mj-column width='30%'><mj-text>x</mj-text><mj-divider /></mj-column></mj-section>"
    wrapped = f"<mj-wrapper>{text}</mj-wrapper><mj-hero background-url='x.png'><mj-text>x</mj-text></mj-hero>"
    html = mjml.mjml2html(f"<mjml><mj-body>{text}{wrapped}</mj-body></mjml>", fonts={})
    before = CONDITIONAL.findall(html)
    assert len(before) > 10
    assert CONDITIONAL.findall(inline_styles(html)) == before


def test_loops_around_table_rows_stay_there(clinic: Clinic) -> None:
    clinic.raw_template(
        "<mj-section><mj-column><mj-table>{% for x in [1, 2] %}<tr><td>{{ x }}</td></tr>{% endfor %}</mj-table>"
        "{% if contact.vip is defined %}<mj-text>VIP</mj-text>{% endif %}</mj-column></mj-section>"
    )
    compiled = compile_template(clinic.root, "letter").html
    table = re.search(r"<tbody>\{%\s*for x.*?</table>", compiled.source, re.DOTALL)
    assert table
    assert re.sub(r' style="[^"]*"', "", table[0]).replace("\n", "") == (
        "<tbody>{% for x in [1, 2] %}<tr><td>{{ x }}</td></tr>{% endfor %}</tbody></table>"
    )


def test_default_attributes_of_unused_tags_are_no_problem(clinic: Clinic) -> None:
    clinic.write(
        "templates/emails/letter.mjml",
        "<mjml><mj-head><mj-attributes><mj-button background-color='{{ brand.primary }}' /></mj-attributes></mj-head>"
        "<mj-body></mj-body></mjml>",
    )
    assert "brand.primary" not in compile_template(clinic.root, "letter").html.source


def test_the_language_is_the_campaigns(clinic: Clinic) -> None:
    source = compile_template(clinic.root, "letter", language="de").html.source
    assert '<html lang="de"' in source
    assert 'lang="und"' not in source


def test_nothing_is_linked_from_the_net(clinic: Clinic) -> None:
    source = compile_template(clinic.root, "letter").html.source
    assert "fonts.googleapis" not in source
    assert "<link" not in source
    assert "a comment with" not in source


def test_a_text_template_wins(clinic: Clinic) -> None:
    clinic.write("templates/emails/letter.txt", "Only {{ contact.greeting }}\r\n")
    text = compile_template(clinic.root, "letter").text
    assert (text.source, text.file) == ("Only {{ contact.greeting }}\n", "templates/emails/letter.txt")


def test_what_stands_between_the_tags_may_be_moved_and_is_noticed() -> None:
    assert moved_mark("<p>j2mark0x<div>x</div></p>", "<p>j2mark0x</p><div>x</div>") == "j2mark0x"
    before = "<i>j2mark0x</i><p><div>j2mark1x</div></p>j2mark2x"
    assert moved_mark(before, "<i>j2mark0x</i><p></p><div>j2mark1x</div><p></p>j2mark2x") == "j2mark1x"
    assert moved_mark("<p>j2mark0x</p>", "<p class='x'>j2mark0x</p>") == ""


TOKENS = ["{{ a }}", "{%- if a -%}", "{% endif %}", "{# no <b> {{ x }} #}", "{{ '}}' }}", '{{ {"k": {}}["k"] }}']


@given(st.lists(st.sampled_from([*TOKENS, "é\n", "<b>", "x "])))
def test_marks_come_back_as_the_tokens_they_were(pieces: list[str]) -> None:
    marks = Marks()
    text = "".join(pieces)
    hidden = marks.hide(Source("file", text))
    assert not re.search(r"\{\{|\{%|\{#", hidden.text)
    restored, origins = marks.restore(hidden.text)
    # comments are dropped, and a line break stands inside of each token's delimiters
    tokens = [piece for piece in pieces if piece.startswith(("{{", "{%"))]
    assert [mark.token.strip() for mark in marks.in_text(hidden.text)] == tokens
    for origin, mark in zip(origins, marks.in_text(hidden.text), strict=True):
        assert origin.origin == mark.place.line
        assert text.split("\n")[mark.place.line - 1][mark.place.column - 1 :].startswith(mark.token[:3])
        assert restored.split("\n")[origin.line - 1].startswith(mark.token.lstrip("{%-").split("\n")[0][:2])


def test_a_line_of_a_long_token_is_found(clinic: Clinic) -> None:
    clinic.template("{{ [1,\n2,\ncontact.none | upper]\n| join }}")
    html = compile_template(clinic.root, "letter").html
    text = CompiledText(html.source, MailEnvironment(html=True), file=html.file, origins=html.origins)
    with pytest.raises(RenderError, match=r"letter\.mjml:[2-5]: .*'none'"):
        text.render({"contact": {}, "clinic": {}, "links": {}})
