"""Whatever HTML comes in: allowed elements, closed, shallow; and the same words as text."""

from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.news.markdown import render_markdown
from nurture.news.markup import (
    ALLOWED,
    MAX_DEPTH,
    MAX_SIZE,
    MarkupError,
    depth,
    paragraphs,
    sanitize,
    sanitize_or_flatten,
    shorten,
)
from nurture.news.plain_text import to_text


class Outline(HTMLParser):
    """Fails where elements are not closed in order; keeps names, targets and depth."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.targets: list[str] = []
        self.open: list[str] = []
        self.deepest = 0
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.names.add(tag)
        assert {name for name, _ in attrs} <= ({"href", "title"} if tag == "a" else set())
        self.targets += [value or "" for name, value in attrs if name == "href"]
        if tag not in ("br", "hr"):
            self.open.append(tag)
            self.deepest = max(self.deepest, len(self.open))

    def handle_endtag(self, tag) -> None:
        if tag not in ("br", "hr"):
            assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("<p>a<b>b", "<p>a<b>b</b></p>"),
        ("</div></td>a", "a"),
        ("<script>alert(1)</script>x", "x"),
        ("<p onclick=x style=color:red class=y>a", "<p>a</p>"),
        ('<img src="https://t.example/pixel.png">a', "a"),
        ('<a href="javascript:alert(1)">a</a>', "<a>a</a>"),
        ('<a href="https://x.example" target=_top>a</a>', '<a href="https://x.example">a</a>'),
        ('<a href="/x">a</a>', "<a>a</a>"),
        ("<h1>a</h1><h6>b</h6>", "<h2>a</h2><h4>b</h4>"),
        ("<style>p{}</style><title>t</title><svg><text>a</text></svg>", ""),
        ("a < b & c", "a &lt; b &amp; c"),
        ("<!-- {{ 7*7 }} -->a\0", "a"),
        ("{{ 7*7 }}", "{{ 7*7 }}"),
    ],
)
def test_what_is_left(html: str, clean: str) -> None:
    assert sanitize(html) == clean


def test_relative_links_are_completed_where_the_base_is_known() -> None:
    assert sanitize('<a href="../b">x</a>', base="https://x.example/a/c/") == '<a href="https://x.example/a/b">x</a>'


pieces = st.sampled_from(
    [
        "<div>",
        "</div>",
        "<p>",
        "<b>",
        "</b>",
        "<a/href='javascript:x'>",
        "<a/href=https://x.example>",
        "</a>",
        "<table>",
        "<td>",
        "<li>",
        "<ul>",
        "</ul>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<svg>",
        "<",
        ">",
        "&lt;",
        "&#0;",
        "words",
        "<math><mi>",
        "<template>",
        "<select>",
        "<font/size=1>",
        "]]>",
        "<![CDATA[",
        '"',
        "'",
        "</p>",
        "<br>",
        "<h1/x=y>",
    ]
)


@given(st.lists(pieces, max_size=60).map("".join) | st.text(max_size=100))
def test_anything_becomes_closed_and_harmless(html: str) -> None:
    clean = sanitize_or_flatten(html)
    outline = Outline(clean)
    assert outline.names <= ALLOWED
    assert all(target.startswith("https://x.example") for target in outline.targets)
    assert "<" not in to_text(clean) or "&lt;" in clean


@pytest.mark.parametrize("html", ["<div>" * 10_000, "<b><i>" * 100_000, "<p><font a>" * 5_000, "x" * (MAX_SIZE + 1)])
def test_what_is_too_deep_or_too_large_becomes_plain_words(html: str) -> None:
    with pytest.raises(MarkupError, match=r"deeper|longer"):
        sanitize(html + "words")
    assert Outline(sanitize_or_flatten("words" + html)).deepest <= 1


@given(st.lists(st.sampled_from(["<div>", "</div>", "<ul>", "</ul>", "</x>", "<b>", "</b>"]), max_size=40).map("".join))
def test_the_depth_is_never_guessed_too_small(html: str) -> None:
    assert depth(html) >= Outline(sanitize(html)).deepest
    assert depth("<div>" * MAX_DEPTH + "</div></x>" * MAX_DEPTH + html) >= MAX_DEPTH


def test_plain_text_becomes_paragraphs() -> None:
    assert paragraphs("a <b>\nc\n\n\n d & e\u202e") == "<p>a &lt;b&gt; c</p>\n<p>d &amp; e</p>"


@given(st.text(max_size=80), st.integers(2, 40))
def test_short_is_short(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert "\n" not in short


def test_long_words_are_cut_at_a_blank() -> None:
    assert shorten("Three exercises that last", 20) == "Three exercises…"
    assert shorten("x" * 50, 10) == "x" * 9 + "…"


MARKDOWN = """# Balance

Come **in**, see [the class](https://x.example/class) or write to <care@x.example>.

- one
- two
  - inner
- three

1. first

   more of it
2. second

| Day | Time |
|-----|------|
| Mon | 9:00 |

> said

```
code  stays
  as it is
```
"""
TEXT = """Balance

Come in, see the class (https://x.example/class) or write to care@x.example.

- one
- two
  - inner
- three

1. first
  more of it
2. second

Day | Time
Mon | 9:00

said

code  stays
  as it is"""


def test_markdown_becomes_html_and_text() -> None:
    rendered = render_markdown(MARKDOWN)
    assert rendered.problems == ()
    assert rendered.text == TEXT
    assert {"h2", "strong", "ul", "ol", "table", "blockquote", "pre"} <= Outline(rendered.html).names
    ElementTree.fromstring(f"<x>{rendered.html}</x>")


def test_html_in_markdown_is_shown_not_used() -> None:
    rendered = render_markdown("<script>alert(1)</script>\n\n<b>x</b>")
    assert rendered.text == "<script>alert(1)</script>\n\n<b>x</b>"
    assert Outline(rendered.html).names == {"p"}


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\n\nb\n[x](javascript:alert(1))", 3, "javascript: are refused"),
        ("[x](/class)", 0, "write the whole address"),
        ("[x](class.html)", 0, "write the whole address"),
        ("[x](data:text/html,x)", 0, "data: are refused"),
        ("a\n\n![x](https://x.example/a.png)", 2, "pictures in the text"),
        ("x" * 300_000, 0, "longer than"),
    ],
)
def test_what_readers_would_miss_is_a_problem_at_its_line(source: str, line: int, words: str) -> None:
    (problem,) = render_markdown(source).problems
    assert problem[0] == line
    assert words in problem[1]


@given(st.text(alphabet="*_[]()`#>-+|!<&:/.@x \n\\~1", max_size=200))
def test_any_markdown_is_safe(source: str) -> None:
    rendered = render_markdown(source)
    Outline(rendered.html)
    assert not any(target.startswith("javascript") for target in Outline(rendered.html).targets)
