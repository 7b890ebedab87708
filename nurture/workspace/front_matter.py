"""Markdown files with front matter: YAML between two ``---`` lines, then the text."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from nurture.errors import FilesError, Problem
from nurture.vocabulary import Category
from nurture.workspace.document import Document, read_mapping
from nurture.workspace.fields import Line, Model, Slug

Url = Annotated[str, Field(pattern=r"^https?://[^\s]+$", max_length=2000)]
Markdown = Annotated[str, Field(max_length=100_000)]


class NewsFileImage(Model):
    """The picture of a news item."""

    file: Line = Field(description="Image file, seen from the folder of the news file (PNG, JPEG or GIF).")
    alt: Line = Field(description="What the picture shows, for readers who do not see it.")


class NewsFileVariant(Model):
    """Other words for one category of readers; what is left out stays as it is."""

    title: Line | None = Field(None, description="Another title.")
    summary: Line | None = Field(None, description="Another summary.")
    body: Markdown | None = Field(None, description="Another text; Markdown.")


class NewsFile(Model):
    """The front matter of a news item, `news/NAME.md`. The Markdown below it is the item's text."""

    title: Line = Field(description="Title.")
    summary: Line | None = Field(None, description="One or two sentences; stands in the text of short lists.")
    date: datetime.date = Field(description="The first day on which it may be sent.")
    expires: datetime.date | None = Field(None, description="The last day on which it may be sent.")
    audience: tuple[Slug, ...] = Field((), description="Who it is for: words that campaigns ask for. Empty: everybody.")
    tags: tuple[Slug, ...] = Field((), description="What it is about: words that campaigns ask for.")
    pin: bool = Field(False, description="Goes first.")
    image: NewsFileImage | None = Field(None, description="A picture.")
    link: Url | None = Field(None, description="Where to read more.")
    variants: dict[Category, NewsFileVariant] = Field(
        default_factory=dict, description="Other words by category of the reader."
    )


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """The parts of a Markdown file; ``body_line`` is the line of the file in which ``body`` starts, from 1."""

    document: Document
    body: str
    body_line: int


def read_front_matter(text: str, *, file: str) -> FrontMatter:
    """Take a Markdown file apart; places in the document are places in the file.

    Raises `FilesError` when the front matter is missing, unfinished or broken.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != "---":
        raise FilesError([Problem(file, 1, 1, "the file must start with a line `---` and its front matter")])
    for number, line in enumerate(lines[1:], start=1):
        if line.rstrip() == "---":
            document = read_mapping("\n".join(lines[1:number]), file=file, first_line=2)
            return FrontMatter(document, "\n".join(lines[number + 1 :]), number + 2)
    raise FilesError([Problem(file, 1, 1, "the front matter has no end; close it with a line `---`")])
