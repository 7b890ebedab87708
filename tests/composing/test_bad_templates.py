"""Broken templates: the message says what, and where in which file."""

import os

import pytest

from nurture.composing.compile import compile_template
from nurture.errors import ComposeError, RenderError
from tests.composing.clinic import Clinic, item

FILE = "templates/emails/letter.mjml"


def problems(clinic: Clinic) -> list[str]:
    with pytest.raises(ComposeError) as caught:
        clinic.edition()
    assert caught.value.exit_code == 1
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("body", "place", "words"),
    [
        ("Hi {{ contact.greeting", ":2:36", "this template tag is never closed"),
        ("Hi {% if %}x{% endif %}", ":2", "Expected an expression"),
        ("{% if contact %}x", ":2:33", "begins inside <mj-text>, but is not closed"),
        ("{% endif %}", ":2", "Encountered unknown tag 'endif'"),
        ("{{ contact.greeting | shout }}", ":2", "No filter named 'shout'"),
        ("{{ contcat.greeting }}", ":2", "undefined variable `contcat`; did you mean `contact`?"),
        ("a < b", ":2:35", "a bare `<`; write `&lt;`"),
        ("<p>never closed", ":2:33", "<p> is not closed before </mj-text>"),
        ("closed</b>", ":2:39", "</b> closes nothing"),
        ("<![CDATA[x]]>", ":2:33", "CDATA"),
        ("<p {% if contact %}class='x'{% endif %}>x</p>", ":2:36", "stands in the attribute list of <p>"),
        ("<p class={{ contact.greeting }}>x</p>", ":2:36", "'class' needs quotes"),
        ("<mj-text>x</mj-text>", ":2:33", "<mj-text> does not work inside <mj-text>"),
        ("<img src='logo.png'>", ":2:33", "<img> needs an alt text"),
        ("<img src='https://x.example/i.png' alt=''>", ":2:43", "images travel with the mail"),
        ("<img src='missing.png' alt=''>", "", "the image 'missing.png' cannot be read"),
        ("<script>x</script>", ":2:33", "<script> does not work in mail"),
        ("{% include 'x' %}", ":2:33", "use `<mj-include"),
        ("{% raw %}{{ x }}{% endraw %}", ":2:33", "`{% raw %}` does not work here"),
        ("{% if contact %}<p>{% endif %}</p>", ":2:52", "its block begins outside (line 2)"),
        ("<p><div>{{ contact.greeting }}</div></p>", ":2:41", "breaks the rules of nesting"),
        ("j2mark7x", ":2:33", "is reserved"),
        ("{% for n in range(2) %}" * 25 + "x" + "{% endfor %}" * 25, "", "nested too deep"),
        ("{{ " + "(" * 1000 + "1" + ")" * 1000 + " }}", "", "nested too deep"),
    ],
)
def test_problem_inside_a_text(clinic: Clinic, body: str, place: str, words: str) -> None:
    clinic.template(body)
    found = problems(clinic)
    assert any(line.startswith(f"{FILE}{place}") and words in line for line in found), found


@pytest.mark.parametrize(
    ("sections", "place", "words"),
    [
        ("<mj-sction></mj-sction>", ":2:1", "unknown tag <mj-sction>; did you mean `mj-section`?"),
        ("<mj-section bakground-color='#fff'></mj-section>", ":2:13", "did you mean `background-color`?"),
        ("<mj-text>x</mj-text>", ":2:1", "<mj-text> must not stand in <mj-body>; it belongs in <mj-column>"),
        ("<p>x</p>", ":2:1", "unknown tag <p>; HTML goes into <mj-text>"),
        ("words", ":2:1", "text stands directly in <mj-body>; put it into <mj-text>"),
        (
            "<mj-section>{% for item in news %}<mj-column></mj-column>{% endfor %}</mj-section>",
            ":2:35",
            "a {% for %} around <mj-column>",
        ),
        (
            "<mj-section><mj-column width='{{ 3 * 10 }}%'></mj-column></mj-section>",
            ":2:31",
            "MJML dropped {{ 3 * 10 }}",
        ),
        ("<mj-section><mj-column><mj-image src='logo.png' /></mj-column></mj-section>", ":2:24", "needs an alt text"),
        (
            "<mj-section><mj-column><mj-social><mj-social-element name='facebook' href='#'>x</mj-social-element>"
            "</mj-social></mj-column></mj-section>",
            ":2:35",
            "a stranger's server",
        ),
        ("<mj-section {{ contact }}></mj-section>", ":2:13", "stands in the attribute list of <mj-section>"),
    ],
)
def test_problem_in_the_structure(clinic: Clinic, sections: str, place: str, words: str) -> None:
    clinic.raw_template(sections)
    found = problems(clinic)
    assert any(line.startswith(f"{FILE}{place}: ") and words in line for line in found), found


@pytest.mark.parametrize(
    "head",
    [
        "<mj-font name='Fancy' href='https://fonts.example/fancy.css' />",
        "<mj-style>@import url('https://fonts.example/fancy.css');</mj-style>",
        "<mj-style>@font-face { font-family: x; src: url(x.woff); }</mj-style>",
        "<mj-style>p { background: url(https://x.example/pixel.png); }</mj-style>",
    ],
)
def test_nothing_is_loaded_from_the_net(clinic: Clinic, head: str) -> None:
    clinic.write(FILE, f"<mjml><mj-head>\n{head}\n</mj-head><mj-body></mj-body></mjml>")
    assert any(":2:" in line and "who reads" in line for line in problems(clinic))


def test_all_problems_at_once_in_order(clinic: Clinic) -> None:
    clinic.raw_template("<mj-sektion></mj-sektion>\n<mj-section colour='x'>\n<mj-columm></mj-columm></mj-section>")
    assert [line.split(": ")[0] for line in problems(clinic)] == [f"{FILE}:2:1", f"{FILE}:3:13", f"{FILE}:4:1"]


def test_ten_thousand_nested_tags_do_not_crash(clinic: Clinic) -> None:
    clinic.template("<b>" * 10_000 + "x" + "</b>" * 10_000)
    assert problems(clinic) == [f"{FILE}:2:{33 + 95 * 3}: tags are nested more than 100 deep"]


def test_an_error_in_a_partial_names_the_partial(clinic: Clinic) -> None:
    clinic.write("templates/emails/partials/footer.mjml", "<mj-section>\n\n<mj-colum></mj-colum></mj-section>")
    assert problems(clinic) == [
        "templates/emails/partials/footer.mjml:3:1: unknown tag <mj-colum>; did you mean `mj-column`?"
    ]


def test_a_byte_offset_of_the_engine_becomes_a_place(clinic: Clinic) -> None:
    # only mrml knows that an attribute may stand once; the umlauts make bytes and characters differ
    clinic.write(FILE, "<mjml><mj-body>\n<mj-raw>öäü</mj-raw>\n\n<mj-section>&foo</mj-section>x</mj-body></mjml>")
    assert any(line.startswith(f"{FILE}:4:") for line in problems(clinic))


def test_an_undefined_field_is_placed_when_it_is_rendered(clinic: Clinic) -> None:
    clinic.template("Hi\n\n{{ contact.first_name }}")
    with pytest.raises(RenderError, match=f"{FILE}:4: 'dict object' has no attribute 'first_name'"):
        clinic.compose()


def test_an_undefined_field_in_the_campaign_is_placed(clinic: Clinic) -> None:
    text = (clinic.root / "campaigns/news.yaml").read_text()
    clinic.write("campaigns/news.yaml", text.replace("*welcome*", "{{ contact.town }}"))
    with pytest.raises(RenderError, match=r"campaigns/news\.yaml:12: .*'town'"):
        clinic.compose()


class TestIncludes:
    def include(self, clinic: Clinic, path: str) -> list[str]:
        clinic.write(FILE, f'<mjml><mj-body>\n  <mj-include path="{path}" /></mj-body></mjml>')
        return problems(clinic)

    @pytest.mark.parametrize("path", ["../../nurture.yaml", "/etc/passwd", "partials/../../../nurture.yaml", "C:\\x"])
    def test_outside_of_templates(self, clinic: Clinic, path: str) -> None:
        assert "leads outside templates/" in self.include(clinic, path)[0]
        assert self.include(clinic, path)[0].startswith(f"{FILE}:2:3: ")

    def test_a_link_that_leads_outside(self, clinic: Clinic) -> None:
        os.symlink(clinic.root / "nurture.yaml", clinic.root / "templates/emails/out.mjml")
        assert "is a link that leads outside" in self.include(clinic, "out.mjml")[0]

    def test_missing(self, clinic: Clinic) -> None:
        assert self.include(clinic, "no.mjml") == [f"{FILE}:2:3: 'no.mjml' cannot be read: No such file or directory"]

    def test_endless(self, clinic: Clinic) -> None:
        clinic.write("templates/emails/a.mjml", '<mj-include path="b.mjml" />')
        clinic.write("templates/emails/b.mjml", '\n<mj-include path="a.mjml" />')
        (found,) = self.include(clinic, "a.mjml")
        assert found.startswith("templates/emails/b.mjml:2:1: endless include: ")
        assert found.endswith("templates/emails/b.mjml → templates/emails/a.mjml")

    def test_too_deep_and_too_large(self, clinic: Clinic) -> None:
        for number in range(20):
            clinic.write(f"templates/emails/d{number}.mjml", f'<mj-include path="d{number + 1}.mjml" />')
        assert "more than 10 deep" in self.include(clinic, "d0.mjml")[0]
        clinic.write("templates/emails/big.mjml", "<!-- " + "x" * 200_000 + " -->")
        clinic.write("templates/emails/many.mjml", '<mj-include path="big.mjml" />' * 10)
        assert "larger than 1 MB" in self.include(clinic, "many.mjml")[0]
        clinic.write("templates/emails/huge.mjml", "x" * 300_000)
        assert "larger than 256 kB" in self.include(clinic, "huge.mjml")[0]

    def test_wrong_encoding_root_and_attributes(self, clinic: Clinic) -> None:
        clinic.write("templates/emails/latin.mjml", "Grüße".encode("latin-1"))
        assert "is not UTF-8 text (byte 2)" in self.include(clinic, "latin.mjml")[0]
        clinic.write("templates/emails/root.mjml", "<mjml></mjml>")
        assert "must not have an <mjml> root" in self.include(clinic, "root.mjml")[0]
        assert "takes only `path`" in self.include(clinic, 'x.mjml" type="css')[0]
        assert "without Jinja" in self.include(clinic, "{{ x }}.mjml")[0]
        assert "needs a path" in self.include(clinic, "")[0]

    def test_an_include_in_a_comment_is_none(self, clinic: Clinic) -> None:
        clinic.raw_template('<!-- <mj-include path="/etc/passwd" /> -->')
        assert compile_template(clinic.root, "letter")


def test_a_missing_template_names_its_file(clinic: Clinic) -> None:
    with pytest.raises(ComposeError, match=r"templates/emails/none.mjml: 'none.mjml' cannot be read"):
        compile_template(clinic.root, "none")


def test_hostile_news_never_reaches_the_mjml_parser(clinic: Clinic) -> None:
    hostile = item(title="</mj-text>{{ 7*7 }}<mj-include path='/etc/passwd'/>", html="<p>{% for %}</p>", text="{% x %}")
    message = clinic.compose(news=(hostile,))
    assert "{{ 7*7 }}&lt;mj-include" in message.html
    assert "<p>{% for %}</p>" in message.html or "{% for %}</p>" in message.html
    assert "{% x %}" in message.text
