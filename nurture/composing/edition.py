"""All that the mails of one edition share: a snapshot that outlives the files."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nurture.composing.body import compile_body
from nurture.composing.compile import CompiledTemplate, compile_template
from nurture.composing.compiled import Compiled, usage
from nurture.composing.environment import CompiledText, MailEnvironment
from nurture.composing.images import MAX_IMAGES, ImageError, read_image
from nurture.composing.links import targets_of
from nurture.composing.marks import Marks, Origin, Place, Source
from nurture.composing.names import unknown_names
from nurture.composing.shared import PageAddress, shared_values
from nurture.composing.styles import inline_fragment
from nurture.errors import ComposeError, Problem
from nurture.news.item import NewsItem, NewsVariant
from nurture.workspace.campaign import Campaign
from nurture.workspace.workspace import Workspace

VERSION = 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LINK = re.compile(r"(https?|mailto|tel):", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class EditionImage:
    """An image of the edition; ``data`` is base64."""

    kind: str
    name: str
    data: str
    always: bool  # stands in the template itself, so every mail carries it


@dataclass(frozen=True, slots=True)
class EditionContent:
    """What an edition's mails share; JSON in and out, equal content is equal JSON.

    ``shared`` are template values, ``texts`` the compiled parts (``html``,
    ``text``, ``subject``, ``preheader``, ``body_html``, ``body_text``; the last
    three where the campaign has them), ``news`` the items by id with their words by category
    ("" for everybody else), ``images`` by their ``cid:`` word. ``targets`` are where
    links lead that tell us when they are followed, by number (`links`).
    """

    shared: Mapping[str, Any]
    texts: Mapping[str, Compiled]
    news: Mapping[str, Mapping[str, Any]]
    images: Mapping[str, EditionImage]
    targets: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        texts = {}
        for name, compiled in self.texts.items():
            origins = [[origin.line, origin.file, origin.origin] for origin in compiled.origins]
            texts[name] = {"source": compiled.source, "file": compiled.file, "origins": origins}
        return {
            "version": VERSION,
            "shared": dict(self.shared),
            "texts": texts,
            "news": {name: dict(item) for name, item in self.news.items()},
            "images": {word: asdict(image) for word, image in self.images.items()},
            "targets": list(self.targets),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> EditionContent:
        """The inverse of `to_json`; raises `ComposeError` for a version that this program does not know."""
        if content.get("version") != VERSION:
            message = f"an edition was made by another version of nurture (format {content.get('version')})"
            raise ComposeError([Problem("edition", 0, 0, message)])
        texts = {
            name: Compiled(text["source"], text["file"], tuple(Origin(*origin) for origin in text["origins"]))
            for name, text in content["texts"].items()
        }
        images = {word: EditionImage(**image) for word, image in content["images"].items()}
        return cls(content["shared"], texts, content["news"], images, tuple(content["targets"]))


def prepare_edition(
    workspace: Workspace,
    campaign: str,
    *,
    news: Sequence[NewsItem],
    occurrence: str,
    pages: PageAddress | None = None,
) -> EditionContent:
    """Compile a campaign's template and words, and take in its news and images.

    ``occurrence`` is the edition's key; a day in it is the edition's day. ``pages`` are
    the readers' pages; without them who wants no more mail answers STOP. Raises
    `ComposeError` with every problem at its file and line, `NotFoundError` if
    there is no such campaign.
    """
    found = workspace.campaign(campaign)
    template = compile_template(workspace.root, found.template, language=found.language)
    file = workspace.root / "campaigns" / f"{campaign}.yaml"
    day = match[0] if (match := _DATE.search(occurrence)) else None
    return prepare(
        workspace,
        campaign,
        found,
        template,
        lines=_lines(file),
        news=news,
        day=day,
        occurrence=occurrence,
        pages=pages,
    )


def prepare(
    workspace: Workspace,
    name: str,
    campaign: Campaign,
    template: CompiledTemplate,
    *,
    lines: Mapping[str, int],
    news: Sequence[NewsItem],
    day: str | None,
    occurrence: str,
    pages: PageAddress | None = None,
) -> EditionContent:
    """Like `prepare_edition`, for a campaign and a template at hand.

    ``lines`` has the lines of the campaign's keys in its file, for messages.
    """
    shared = shared_values(workspace.settings, name, campaign, day=day, occurrence=occurrence, pages=pages)
    css = _css(template, shared)
    texts = {"html": template.html, "text": template.text}
    texts |= _campaign_texts(name, campaign, lines, css)
    problems = [problem for compiled in texts.values() for problem in unknown_names(compiled)]
    images = _Images(workspace.root)
    for path, word in template.images.items():
        images.add(path, Place(template.html.file, 0, 0), word=word)
    logo = workspace.settings.brand.logo
    attributes = usage(template.html).attributes
    if logo and "logo" in attributes:
        shared["brand"]["logo"] = images.add(logo, Place("nurture.yaml", 0, 0))
    if "owners" in shared:
        shared["owners"] = {
            key: _with_photo(owner, images if "photo" in attributes else None)
            for key, owner in shared["owners"].items()
        }
    items = {item.id: _item(item, images if "image" in attributes else None, css) for item in news}
    problems += images.problems
    if problems:
        raise ComposeError(sorted(set(problems)))
    targets = targets_of(texts, shared, items) if "tracking" in shared.get("pages", {}) else ()
    return EditionContent(shared, texts, items, images.found, targets)


def _campaign_texts(name: str, campaign: Campaign, lines: Mapping[str, int], css: str) -> dict[str, Compiled]:
    file = f"campaigns/{name}.yaml"
    texts = {}
    for key, text in (("subject", campaign.subject), ("preheader", campaign.preheader)):
        if text:
            source = Source(file, text, lines.get(key, 1))
            Marks().hide(source)  # refuses what does not work in mails
            texts[key] = Compiled(text, file, (Origin(1, file, lines.get(key, 0)),))
            usage(texts[key])
    if campaign.body:
        source = Source(file, campaign.body, lines.get("body", 0) + 1)
        texts["body_html"], texts["body_text"] = compile_body(source, css)
    return texts


def _lines(file: Path) -> dict[str, int]:
    """The line of each top-level key of a YAML file, for messages about Jinja in its values."""
    text = file.read_text(encoding="utf-8-sig") if file.is_file() else ""
    found: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if match := re.match(r"([a-z_]+):", line):
            found.setdefault(match[1], number)
    return found


def _css(template: CompiledTemplate, shared: Mapping[str, Any]) -> str:
    """The template's own rules, for HTML that comes in as a value."""
    css = template.css
    return CompiledText(css.source, MailEnvironment(html=False), file=css.file, origins=css.origins).render(
        dict(shared)
    )


class _Images:
    """The edition's images, each once, with all problems."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.found: dict[str, EditionImage] = {}
        self.problems: list[Problem] = []
        self._words: dict[str, str] = {}
        self._total = 0

    def add(self, path: str, place: Place, *, word: str | None = None) -> str:
        """The ``cid:`` word of an image file; its problems are kept for later."""
        if path in self._words and word is None:
            return self._words[path]
        name = word or f"cid:file-{hashlib.sha256(path.encode()).hexdigest()[:12]}"
        self._words[path] = name
        try:
            image = read_image(self.root, path)
        except ImageError as error:
            self.problems.append(place.problem(str(error)))
            return name
        self._total += len(image.data)
        if word and self._total > MAX_IMAGES:
            self.problems.append(place.problem(f"the images of this mail are larger than {MAX_IMAGES // 1000} kB"))
        file_name = f"{name.removeprefix('cid:')}.{'jpg' if image.kind == 'jpeg' else image.kind}"
        data = base64.b64encode(image.data).decode()
        self.found[name] = EditionImage(image.kind, file_name, data, always=word is not None)
        return name


def _with_photo(owner: Mapping[str, Any], images: _Images | None) -> dict[str, Any]:
    """With the ``cid:`` word of the photo, where the template shows one."""
    rest = {name: value for name, value in owner.items() if name != "photo"}
    if images is None or "photo" not in owner:
        return rest
    return {**rest, "photo": images.add(owner["photo"], Place("nurture.yaml", 0, 0))}


def _item(item: NewsItem, images: _Images | None, css: str) -> dict[str, Any]:
    """A news item as the edition keeps it; empty values are absent."""
    kept: dict[str, Any] = {"id": item.id, "date": item.date.isoformat(), "tags": list(item.tags)}
    if item.link and _LINK.match(item.link):
        kept["link"] = item.link
    if item.image:
        place = Place(item.file or item.id, 0, 0)
        source = images.add(item.image.path, place) if images else item.image.path
        kept["image"] = {"src": source, "alt": item.image.alt}
    words: dict[str, NewsItem | NewsVariant] = {
        "": item,
        **{category.value: variant for category, variant in item.variants.items()},
    }
    kept["words"] = {
        category: {
            "title": part.title,
            "summary": part.summary,
            "html": inline_fragment(part.html, css),
            "text": part.text,
        }
        for category, part in words.items()
    }
    return kept


def image_words(items: Iterable[Mapping[str, Any]]) -> list[str]:
    """The ``cid:`` words of the items' images."""
    return [item["image"]["src"] for item in items if "image" in item]
