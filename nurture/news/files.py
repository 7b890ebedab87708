"""The clinic's own news: ``news/*.md`` to items, all problems at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path

from nurture.errors import FilesError, Problem
from nurture.news.item import NewsImage, NewsItem, NewsVariant
from nurture.news.markdown import Rendered, render_markdown
from nurture.news.markup import shorten
from nurture.vocabulary import NewsKind
from nurture.workspace.document import Document
from nurture.workspace.front_matter import FrontMatter, NewsFile, NewsFileVariant, read_front_matter
from nurture.workspace.loader import read_text, validate
from nurture.workspace.names import SLUG
from nurture.workspace.paths import confined_path
from nurture.workspace.suggestions import did_you_mean
from nurture.workspace.workspace import Workspace

FOLDER = "news"
SUMMARY_LENGTH = 240  # of a summary that is taken from the text
_PICTURES = {b"\x89PNG\r\n\x1a\n": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF87a": "GIF", b"GIF89a": "GIF"}


def load_news(workspace: Workspace) -> tuple[NewsItem, ...]:
    """Read ``news/*.md``, sorted by file name.

    Raises `FilesError` with every problem of every file, each at its place.
    """
    asked_for = frozenset(
        campaign.content.news.audience
        for campaign in workspace.campaigns.values()
        if campaign.content.news and campaign.content.news.audience
    )
    items: list[NewsItem] = []
    problems: list[Problem] = []
    for path in sorted((workspace.root / FOLDER).glob("*.md")):
        try:
            file = f"{FOLDER}/{path.name}"
            items.append(_parse_item(workspace.root, path, read_text(path, file=file), asked_for))
        except FilesError as error:
            problems += error.problems
    if problems:
        raise FilesError(problems)
    return tuple(items)


# The loop asks for all news at each edition, and reading YAML is slow; what stands in the file is the key.
@lru_cache(maxsize=1024)
def _parse_item(root: Path, path: Path, text: str, asked_for: frozenset[str]) -> NewsItem:
    file = f"{FOLDER}/{path.name}"
    if not SLUG.fullmatch(path.stem):
        raise FilesError([Problem(file, 0, 0, "name the file with small letters, digits and `-`")])
    front = read_front_matter(text, file=file)
    body = render_markdown(front.body)
    problems = [Problem(file, front.body_line + line, 1, message) for line, message in body.problems]
    try:
        model = validate(front.document, NewsFile)
    except FilesError as error:
        raise FilesError([*error.problems, *problems]) from error
    problems += _misspelled_audiences(front.document, model, asked_for)
    if model.expires and model.expires < model.date:
        problems.append(front.document.problem(("expires",), f"it expires before its date, {model.date}"))
    if not (model.summary or body.text):
        problems.append(Problem(file, 1, 1, "there is nothing to read; write a `summary`, or a text below `---`"))
    image = _image(root, front.document, model, problems)
    variants = {
        category: _variant(variant, model, body, front, str(category), problems)
        for category, variant in model.variants.items()
    }
    if problems:
        raise FilesError(problems)
    return NewsItem(
        id=f"file:{path.stem}",
        kind=NewsKind.FILE,
        title=model.title,
        summary=_summary(model.summary, body),
        html=body.html,
        text=body.text,
        date=model.date,
        expires=model.expires,
        audience=model.audience,
        tags=model.tags,
        pin=model.pin,
        image=image,
        link=model.link,
        file=file,
        variants=variants,
    )


def _summary(summary: str | None, body: Rendered) -> str:
    return summary or shorten(body.text.split("\n\n")[0], SUMMARY_LENGTH)


def _variant(
    variant: NewsFileVariant,
    model: NewsFile,
    body: Rendered,
    front: FrontMatter,
    category: str,
    problems: list[Problem],
) -> NewsVariant:
    own = render_markdown(variant.body) if variant.body else body
    if variant.body:
        place = ("variants", category, "body")
        problems += [front.document.problem(place, message) for _, message in own.problems]
    return NewsVariant(
        title=variant.title or model.title,
        summary=variant.summary or _summary(model.summary, own),
        html=own.html,
        text=own.text,
    )


def _misspelled_audiences(document: Document, model: NewsFile, asked_for: Collection[str]) -> Iterator[Problem]:
    """Audiences that no campaign asks for while a very near name is asked for."""
    for index, audience in enumerate(model.audience):
        hint = did_you_mean(audience, asked_for, cutoff=0.8) if audience not in asked_for else ""
        if hint:
            yield document.problem(("audience", index), f"no campaign asks for the audience `{audience}`{hint}")


def _image(root: Path, document: Document, model: NewsFile, problems: list[Problem]) -> NewsImage | None:
    if model.image is None:
        return None
    place = ("image", "file")
    try:
        path = confined_path(root, f"{FOLDER}/{model.image.file}")
        with path.open("rb") as picture:
            start = picture.read(8)
    except ValueError as error:
        problems.append(document.problem(place, str(error)))
        return None
    except OSError as error:
        problems.append(document.problem(place, f"the picture cannot be read: {error.strerror}"))
        return None
    if not any(start.startswith(magic) for magic in _PICTURES):
        problems.append(document.problem(place, "this is not a PNG, JPEG or GIF picture"))
    return NewsImage(path.relative_to(root.resolve()).as_posix(), model.image.alt)
