"""News files: what they become, and every problem of every file at its place."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from nurture.errors import FilesError
from nurture.news.files import load_news
from nurture.news.item import NewsImage
from nurture.vocabulary import Category, NewsKind
from nurture.workspace.workspace import Workspace

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
WHOLE = """---
title: Falls class
summary: Ten weeks of balance.
date: 2026-12-01
expires: 2027-02-28
audience: [partners]
tags: [balance, classes]
pin: true
image: {file: images/class.png, alt: Three people on one leg}
link: https://riverbend.example/falls
variants:
  healthcare_provider:
    title: What 59 trials say
    body: |
      **23 percent** fewer falls.
  school: {summary: For PE classes.}
---
Come on [Tuesday](https://riverbend.example/class).
"""
LEAST = "---\ntitle: Hours\ndate: 2026-12-01\n---\nOpen until eight.\n\nFrom January on.\n"


def write(root: Path, text: str, name: str = "falls.md") -> None:
    (root / "news" / name).write_text(text)


def problems(load: Callable[..., Workspace]) -> list[str]:
    with pytest.raises(FilesError) as found:
        load_news(load())
    return [str(problem) for problem in found.value.problems]


def test_a_whole_item(root: Path, load) -> None:
    (root / "news/images").mkdir()
    (root / "news/images/class.png").write_bytes(PNG)
    write(root, WHOLE)
    (item,) = load_news(load())
    assert (item.id, item.kind, item.file) == ("file:falls", NewsKind.FILE, "news/falls.md")
    assert (item.date, item.expires, item.pin) == (date(2026, 12, 1), date(2027, 2, 28), True)
    assert (item.audience, item.tags) == (("partners",), ("balance", "classes"))
    assert item.image == NewsImage("news/images/class.png", "Three people on one leg")
    assert item.html == '<p>Come on <a href="https://riverbend.example/class">Tuesday</a>.</p>'
    assert item.text == "Come on Tuesday (https://riverbend.example/class)."
    physician = item.variants[Category.HEALTHCARE_PROVIDER]
    assert (physician.title, physician.summary) == ("What 59 trials say", "Ten weeks of balance.")
    assert physician.html == "<p><strong>23 percent</strong> fewer falls.</p>"
    school = item.variants[Category.SCHOOL]
    assert (school.title, school.summary, school.html) == ("Falls class", "For PE classes.", item.html)


def test_without_a_summary_the_first_paragraph_stands_for_it(root: Path, load) -> None:
    write(root, LEAST)
    (item,) = load_news(load())
    assert item.summary == "Open until eight."


def test_no_folder_is_no_news(root: Path, load) -> None:
    (root / "news").rmdir()
    assert load_news(load()) == ()


def test_the_problems_of_all_files_come_at_once(root: Path, load) -> None:
    write(root, LEAST.replace("title: Hours\n", ""), "a.md")
    write(root, LEAST.replace("2026-12-01", "2026-02-30"), "b.md")
    write(root, "no front matter", "c.md")
    found = problems(load)
    assert [line.split(":")[0] for line in found] == ["news/a.md", "news/b.md", "news/c.md"]
    assert "`title` is missing" in found[0]
    assert found[1].startswith("news/b.md:3:7: ")


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("date: 2026-12-01", "date: soon", "4:7", "date"),
        ("expires: 2027-02-28", "expires: 2026-11-30", "5:10", "before its date"),
        ("[partners]", "[Partners!]", "6:12", "small letters"),
        ("[partners]", "[partner]", "6:12", "did you mean `partners`?"),
        ("images/class.png", "images/other.png", "9:15", "there is no file"),
        ("images/class.png", "../../secret.png", "9:15", "out of the workspace"),
        ("images/class.png", "../nurture.yaml", "9:15", "not a PNG, JPEG or GIF"),
        (", alt: Three people on one leg", "", "9:1", "`alt` is missing"),
        ("link: https:", "link: ftp:", "10:7", "http"),
        ("  school:", "  scool:", "16:3", "did you mean `school`?"),
        ("**23 percent**", "[x](javascript:alert)", "14:11", "javascript: are refused"),
        ("(https://riverbend.example/class)", "(/class)", "18:1", "whole address"),
        ("pin: true", "pin: true\npin: false", "9:1", "duplicate key `pin`"),
        ("pin: true", "colour: red", "8:1", "unknown key `colour`"),
        ("tags: [", "tags: {", "7", ""),
    ],
)
def test_a_problem_at_its_place(root: Path, load, old: str, new: str, place: str, words: str) -> None:
    (root / "news/images").mkdir()
    (root / "news/images/class.png").write_bytes(PNG)
    (root.parent / "secret.png").write_bytes(PNG)
    assert old in WHOLE
    write(root, WHOLE.replace(old, new))
    first = problems(load)[0]
    assert first.startswith(f"news/falls.md:{place}")
    assert words in first


def test_a_picture_cannot_lead_out_by_a_link(root: Path, load) -> None:
    (root / "news/images").mkdir()
    (root.parent / "secret.png").write_bytes(PNG)
    (root / "news/images/class.png").symlink_to(root.parent / "secret.png")
    write(root, WHOLE)
    assert "out of the workspace" in problems(load)[0]


@pytest.mark.parametrize("body", ["", "\n\n", "<!-- -->"])
def test_an_item_with_nothing_to_read(root: Path, load, body: str) -> None:
    write(root, f"---\ntitle: Hours\ndate: 2026-12-01\n---\n{body}")
    if body.strip():
        assert load_news(load())[0].text == body  # HTML is shown, not used
    else:
        assert "nothing to read" in problems(load)[0]


def test_a_name_that_cannot_be_an_id(root: Path, load) -> None:
    write(root, LEAST, "Über uns.md")
    assert "name the file" in problems(load)[0]


def test_a_file_that_is_not_text(root: Path, load) -> None:
    (root / "news/bad.md").write_bytes(b"---\ntitle: \xff\n---\n")
    assert problems(load)[0].startswith("news/bad.md:2:8: the file is not UTF-8")
