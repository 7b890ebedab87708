"""YAML to values with places; nothing but `FilesError` ever comes out of a broken text."""

from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nurture.errors import FilesError
from nurture.workspace.document import MAX_DEPTH, MAX_PROBLEMS, read_document, read_mapping
from nurture.workspace.front_matter import read_front_matter
from nurture.workspace.hours import opening_hours_as_written, parse_opening_hours


def test_values_follow_yaml_1_2() -> None:
    text = """\
yes: no
on: off
empty:
tilde: ~
truth: true
count: 0x1F
zip: 02134
time: 12:30
half: 0.5
big: 123456789012345678901
day: 2026-12-01
noday: 2026-02-30
quoted: "2026-12-01"
text: |
  two
  lines
list: [a, 1]
"""
    assert read_mapping(text, file="x.yaml").value == {
        "yes": "no",
        "on": "off",
        "empty": None,
        "tilde": None,
        "truth": True,
        "count": "0x1F",
        "zip": 2134,
        "time": "12:30",
        "half": 0.5,
        "big": "123456789012345678901",
        "day": date(2026, 12, 1),
        "noday": "2026-02-30",
        "quoted": "2026-12-01",
        "text": "two\nlines\n",
        "list": ["a", 1],
    }


def test_places_count_from_one_and_from_where_the_text_starts() -> None:
    document = read_mapping("a: 1\nb:\n  - x\n  - {c: 2}\n", file="x.md", first_line=10)
    assert str(document.problem(("b", 1, "c"), "here")) == "x.md:13:9: here"
    assert str(document.problem(("b", 1, "c"), "here", at_key=True)) == "x.md:13:6: here"
    assert str(document.problem(("b", 1, "gone"), "near")) == "x.md:13:5: near"
    assert str(document.problem((), "top")) == "x.md:10:1: top"


def test_every_duplicate_key_is_told() -> None:
    with pytest.raises(FilesError) as caught:
        read_mapping("a: 1\na: 2\nb: {c: 1, c: 2}\n", file="x.yaml")
    assert [str(problem) for problem in caught.value.problems] == [
        "x.yaml:2:1: duplicate key `a`, first in line 1",
        "x.yaml:3:11: duplicate key `c`, first in line 3",
    ]


def test_a_flood_of_problems_is_cut() -> None:
    with pytest.raises(FilesError) as caught:
        read_mapping("a: 1\n" * 1000, file="x.yaml")
    assert len(caught.value.problems) == MAX_PROBLEMS


def test_an_alias_inside_its_own_anchor_is_refused() -> None:
    with pytest.raises(FilesError, match="no finished anchor `&a`"):
        read_mapping("a: &a [*a]\n", file="x.yaml")


def test_keys_must_be_plain_text() -> None:
    with pytest.raises(FilesError, match="a key must be plain text"):
        read_mapping("? [a]\n: 1\n", file="x.yaml")


def test_depth_is_bounded_and_the_bound_is_usable() -> None:
    deep = "a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)
    assert read_mapping(deep, file="x.yaml").value
    with pytest.raises(FilesError, match="nested deeper"):
        read_mapping("a: " + "[" * MAX_DEPTH + "]" * MAX_DEPTH, file="x.yaml")
    with pytest.raises(FilesError, match="nested deeper"):
        read_mapping("[" * 100_000, file="x.yaml")


PIECES = (
    *(
        "a",
        "b: ",
        "- ",
        "? ",
        ": ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\n",
        "  ",
        "\t",
        "'",
        '"',
        "&x ",
        "*x",
        "!!",
        "!t ",
        "|",
    ),
    *(">-", "#", "%YAML 1.1", "---", "...", "@", "\\x", "2026-01-01", "1", "~", "\ufeff", "\x85", "\u2028", "\0", "é"),
)
YAML_TEXT = st.lists(st.sampled_from(PIECES), max_size=25).map("".join)


@given(YAML_TEXT | st.text())
@example("%YAML 1.11\n---\na")
@example("%TAG ! x\n--- !a b")
@example('"\\xZZ"')
@example("\ud800")
@example("a: !<> b")
@example("- &a")
def test_any_text_gives_values_or_a_files_error(text: str) -> None:
    for read in (read_document, read_mapping, read_front_matter):
        try:
            read(text, file="x.yaml")
            problems = ()
        except FilesError as error:
            problems = error.problems
        assert all(problem.line >= 1 and problem.column >= 1 for problem in problems)


def test_front_matter_keeps_the_lines_of_its_file() -> None:
    found = read_front_matter("---\ntitle: A\n---\n\nText\n---\nmore\n", file="news/a.md")
    assert found.document.value == {"title": "A"}
    assert str(found.document.problem(("title",), "here")) == "news/a.md:2:8: here"
    assert (found.body, found.body_line) == ("\nText\n---\nmore\n", 4)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("title: A\n", "news/a.md:1:1: the file must start with a line `---`"),
        ("---\ntitle: A\n", "news/a.md:1:1: the front matter has no end"),
        ("---\n---\nText", "news/a.md:2:1: the file is empty"),
        ("---\na: 1\na: 2\n---\n", "news/a.md:3:1: duplicate key `a`"),
    ],
)
def test_broken_front_matter_is_told(text: str, expected: str) -> None:
    with pytest.raises(FilesError) as caught:
        read_front_matter(text, file="news/a.md")
    assert str(caught.value).startswith(expected)


SPANS = st.lists(st.integers(0, 47), min_size=0, max_size=6, unique=True).map(
    lambda marks: list(zip(*[iter(sorted(marks))] * 2, strict=False))
)


@given(st.lists(SPANS, min_size=7, max_size=7))
def test_opening_hours_read_back_what_they_write(days: list[list[tuple[int, int]]]) -> None:
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    written = {
        name: ", ".join(f"{a // 2:02}:{a % 2 * 30:02}-{b // 2:02}:{b % 2 * 30:02}" for a, b in spans) or "closed"
        for name, spans in zip(names, days, strict=True)
    }
    hours = parse_opening_hours(written)
    again = opening_hours_as_written(hours)
    assert (parse_opening_hours(again) if again else hours) == hours
