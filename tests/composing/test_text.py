"""HTML as plain text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.composing.text import html_to_text, tidy


def text(html: str) -> str:
    return tidy(html_to_text(html))


@pytest.mark.parametrize(
    ("html", "wanted"),
    [
        ("<p>One</p><p>Two  words<br>three</p>", "One\n\nTwo words\nthree\n"),
        ("<h1>Title</h1>Text", "Title\n\nText\n"),
        ("a <b>bold</b>&nbsp;&amp; <i>more</i>", "a bold & more\n"),
        ("<a href='https://x.example/?a=1&amp;b=2'>Read</a> on", "Read <https://x.example/?a=1&b=2> on\n"),
        ("<a href='https://x.example'>https://x.example</a>", "https://x.example\n"),
        ("<a href='mailto:a@x.example?subject=STOP'>a@x.example</a>", "a@x.example\n"),
        ("<a href='tel:5550100'>555-0100</a>, <a href='#top'>up</a>, <a>none</a>", "555-0100, up, none\n"),
        ("<a href='https://x.example'><img src='i.png' alt='Our house'></a>", "Our house <https://x.example>\n"),
        ("<img alt='A knee'><img alt=''>", "[A knee]\n"),
        ("<ul><li>one<li>two<ul><li>deep</li></ul></li></ul>x", "- one\n- two\n  - deep\n\nx\n"),
        ("<ol><li>one</li><li>two</li></ol>", "1. one\n2. two\n"),
        ("<blockquote><p>wise</p></blockquote>x", "> wise\n\nx\n"),
        ("<pre>a\n  b</pre>", "a\n  b\n"),
        ("a<hr>b", "a\n\n---\n\nb\n"),
        (
            "<table><tr><th>Day</th><th>Time</th></tr><tr><td>Mon</td><td></td><td>8</td></tr></table>",
            "Day | Time\nMon | 8\n",
        ),
        (
            "<table role='presentation'><tr><td><table role='presentation'><tr><td>in</table></table>",
            "in\n",
        ),
        ("<style>p{}</style><title>t</title><div style='display:none'>hidden<br>too</div>x", "x\n"),
        ("<!--[if mso]><table><tr><td><![endif]-->x", "x\n"),
        ("z\u200bero\u00adwidth", "zerowidth\n"),
        ("", "\n"),
    ],
)
def test_conversion(html: str, wanted: str) -> None:
    assert text(html) == wanted


def test_links_that_say_nothing_new_go_once_the_values_are_in() -> None:
    assert tidy("555-0100 <tel:5550100>, https://x.example <https://x.example>, here <https://y.example>") == (
        "555-0100, https://x.example, here <https://y.example>\n"
    )


@given(st.text())
def test_any_input_gives_tidy_text(html: str) -> None:
    found = text(html)
    assert found.endswith("\n")
    assert "\n\n\n" not in found
    assert not any(line.endswith((" ", "\t")) for line in found.split("\n"))


@given(st.text())
def test_tidy_text_stays_as_it_is(content: str) -> None:
    assert tidy(tidy(content)) == tidy(content)
