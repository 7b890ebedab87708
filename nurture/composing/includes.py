"""``<mj-include path="..." />``, confined to the templates folder.

Partials are put in place before MJML sees anything, so that all checks look at
the whole mail and every message names the partial's own file and line.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from nurture.composing.marks import HiddenText, Marks, Place, Source
from nurture.errors import ComposeError

MAX_DEPTH = 10
MAX_FILE = 256 * 1024
MAX_TOTAL = 1024 * 1024
_INCLUDE = re.compile(r"<mj-include\b([^<>]*?)(?:/>|>\s*</mj-include\s*>)")
_ATTRIBUTE = re.compile(r"""([\w-]+)\s*=\s*("[^"]*"|'[^']*')""")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def read_source(root: Path, folder: Path, path: str, place: Place | None = None) -> Source:
    """A template file by its ``path`` from ``folder``; messages name it from ``root``.

    Raises `ComposeError` if it is outside ``templates/``, missing, too big or not UTF-8.
    """
    wanted = PurePosixPath(path)
    shown = place or Place((folder / path).relative_to(root).as_posix() if not wanted.is_absolute() else path, 0, 0)
    if wanted.is_absolute() or ".." in wanted.parts or "\\" in path or ":" in path or "\0" in path:
        raise ComposeError([shown.problem(f"{path!r} leads outside templates/; name a file below this one's folder")])
    base = (root / "templates").resolve()
    file = folder / path
    if not file.resolve().is_relative_to(base):
        raise ComposeError([shown.problem(f"{path!r} is a link that leads outside templates/")])
    try:
        data = file.read_bytes()
        text = data[: MAX_FILE + 1].decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ComposeError([shown.problem(f"{path!r} is not UTF-8 text (byte {error.start})")]) from error
    except OSError as error:
        raise ComposeError([shown.problem(f"{path!r} cannot be read: {error.strerror}")]) from error
    if len(data) > MAX_FILE:
        raise ComposeError([shown.problem(f"{path!r} is larger than {MAX_FILE // 1024} kB")])
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Source(file.relative_to(root).as_posix(), text)


def expand(root: Path, folder: Path, path: str, marks: Marks) -> HiddenText:
    """The template ``path`` in ``folder`` with all its partials, its tokens hidden in ``marks``.

    Raises `ComposeError` for endless, outside, missing or too many includes.
    """
    whole = HiddenText()
    _expand_into(whole, root, folder, read_source(root, folder, path), marks, ())
    return whole


def _expand_into(
    whole: HiddenText, root: Path, folder: Path, source: Source, marks: Marks, parents: tuple[str, ...]
) -> None:
    hidden = marks.hide(source)
    comments = [match.span() for match in _COMMENT.finditer(hidden.text)]
    chain = (*parents, source.file)
    end = 0
    for match in _INCLUDE.finditer(hidden.text):
        if any(start <= match.start() < stop for start, stop in comments):
            continue
        whole.append_slice(hidden, end, match.start())
        end = match.end()
        place = hidden.place(match.start())
        path = _path(match[1], place)
        inner = read_source(root, folder, path, place)
        if inner.file in chain:
            raise ComposeError([place.problem(f"endless include: {' → '.join((*chain, inner.file))}")])
        if len(chain) > MAX_DEPTH:
            raise ComposeError([place.problem(f"includes are nested more than {MAX_DEPTH} deep")])
        if re.search(r"<mjml\b", inner.text):
            raise ComposeError([Place(inner.file, 1, 1).problem("a partial must not have an <mjml> root of its own")])
        _expand_into(whole, root, (root / inner.file).parent, inner, marks, chain)
    whole.append_slice(hidden, end, len(hidden.text))
    if len(whole.text) > MAX_TOTAL:
        raise ComposeError([Place(source.file, 0, 0).problem("the template with all its includes is larger than 1 MB")])


def _path(attributes: str, place: Place) -> str:
    found = {match[1]: match[2][1:-1] for match in _ATTRIBUTE.finditer(attributes)}
    if unknown := found.keys() - {"path"}:
        raise ComposeError([place.problem(f"<mj-include> takes only `path`, not {', '.join(sorted(unknown))}")])
    path = found.get("path", "")
    if not path.strip():
        raise ComposeError([place.problem('<mj-include> needs a path: <mj-include path="partials/footer.mjml" />')])
    if "j2mark" in path:
        raise ComposeError([place.problem("the path of an include is fixed text, without Jinja")])
    return path
