"""What an edition keeps: words, values and images, all of them checked."""

import pytest

from nurture.composing.body import compile_body
from nurture.composing.edition import prepare_edition
from nurture.composing.environment import CompiledText, MailEnvironment
from nurture.composing.marks import Source
from nurture.errors import ComposeError, NotFoundError
from nurture.news.item import NewsImage
from tests.composing.clinic import PNG, Clinic, item


def body(markdown: str, **values: object) -> tuple[str, str]:
    compiled = compile_body(Source("campaigns/x.yaml", markdown, 5), "p { color: red; }")
    html, text = (
        CompiledText(part.source, MailEnvironment(html=kind), file=part.file, origins=part.origins).render(values)
        for part, kind in zip(compiled, (True, False), strict=True)
    )
    return html.strip(), text.strip()


def test_markdown_becomes_styled_html_and_text() -> None:
    html, text = body("Dear {{ name }},\n\n* one\n* [two]({{ link }})\n", name="<Lee>", link="https://x.example/?a&b")
    assert '<p style="color: red;">Dear &lt;Lee&gt;,</p>' in html
    assert 'href="https://x.example/?a&amp;b"' in html
    assert text == "Dear <Lee>,\n\n- one\n- two <https://x.example/?a&b>"


@pytest.mark.parametrize(("vip", "wanted"), [(True, "Before\n\nFor you\n\nAfter"), (False, "Before\n\nAfter")])
def test_statements_on_their_own_lines_leave_no_empty_paragraphs(vip: bool, wanted: str) -> None:
    html, text = body("Before\n\n{% if vip %}\nFor you\n{% endif %}\n\nAfter", vip=vip)
    assert "></p>" not in html
    assert text.replace("\n\n\n", "\n\n") == wanted


def test_a_loop_makes_a_list() -> None:
    _, text = body("{% for x in xs %}\n- {{ x }}\n{% endfor %}\n", xs=["a", "b"])
    assert text.split() == ["-", "a", "-", "b"]


def test_raw_html_and_scripts_are_only_text() -> None:
    html, _ = body("<script>x</script> [y](javascript:alert(1))")
    assert "<script" not in html
    assert 'href="javascript' not in html


def test_a_broken_body_is_placed_in_the_campaign(clinic: Clinic) -> None:
    text = (clinic.root / "campaigns/news.yaml").read_text()
    clinic.write("campaigns/news.yaml", text.replace("*welcome*", "{{ contact. }}"))
    with pytest.raises(ComposeError, match=r"campaigns/news.yaml:12"):
        clinic.edition()


def test_a_broken_subject_is_placed_in_the_campaign(clinic: Clinic) -> None:
    text = (clinic.root / "campaigns/news.yaml").read_text()
    clinic.write("campaigns/news.yaml", text.replace("{{ clinic.name }} says", "{{ clinik.name }} says"))
    with pytest.raises(ComposeError, match=r"campaigns/news.yaml:6: undefined variable `clinik`; did you mean"):
        clinic.edition()


def test_an_unknown_campaign(clinic: Clinic) -> None:
    with pytest.raises(NotFoundError, match="`none`"):
        prepare_edition(clinic.workspace, "none", news=(), occurrence="1")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("../logo.png", "leads outside the workspace"),
        ("gone.png", "cannot be read"),
        ("nurture.yaml", "is no PNG, JPEG or GIF"),
        ("big.png", "larger than 200 kB"),
    ],
)
def test_a_news_image_that_cannot_travel(clinic: Clinic, path: str, words: str) -> None:
    clinic.write("big.png", PNG + bytes(200_000))
    news = item(image=NewsImage(path, "x"), file="news/knee.md")
    with pytest.raises(ComposeError, match=words) as caught:
        clinic.edition((news,))
    assert caught.value.problems[0].file == "news/knee.md"


def test_fixed_images_of_a_template_are_bounded_together(clinic: Clinic) -> None:
    pictures = "".join(f"<img src='p{number}.png' alt=''>" for number in range(4))
    for number in range(4):
        clinic.write(f"p{number}.png", PNG + bytes(190_000))
    clinic.template(pictures)
    with pytest.raises(ComposeError, match="larger than 600 kB"):
        clinic.edition()


def test_a_link_of_a_feed_that_is_no_web_address_is_left_out(clinic: Clinic) -> None:
    message = clinic.compose(news=(item(link="javascript:alert(1)"),))
    assert "javascript" not in message.html


def test_html_that_comes_in_as_a_value_gets_the_templates_style(clinic: Clinic) -> None:
    html = clinic.compose(news=(item(),)).html
    assert '<p style="display: block;margin: 13px 0;color: #22313a;">Walk' in html.replace(
        "margin:13px", "margin: 13px"
    )


def test_the_edition_day_and_values(clinic: Clinic) -> None:
    clinic.template(
        "{{ edition.date | date }} {{ values.place }} {{ clinic.hours }} {{ signer.name }} {{ campaign.topic }}"
    )
    text = clinic.compose().text
    assert "December 1, 2026 Main hall Mon–Fri 08:00–18:00 Kim Ō partner-news" in text


def test_the_owner_of_an_organization_is_a_person(clinic: Clinic) -> None:
    clinic.template("{% if organization.owner is defined %}{{ organization.owner.name }}{% endif %}")
    assert "Kim Ō" in clinic.compose({"organization": {"name": "X", "owner": "kim"}}).text
    assert "Kim Ō" not in clinic.compose({"organization": {"name": "X", "owner": "gone"}}).text
