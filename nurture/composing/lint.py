"""Checks of a template before MJML sees it.

mrml drops and passes through without a word, gives byte offsets, and crashes
the process on deep nesting; this linter says what is wrong at file, line and
column, all at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from nurture.composing.marks import MARK, HiddenText, Mark, Marks
from nurture.composing.mjml_table import (
    ALL_ATTRIBUTES,
    ATTRIBUTES,
    CHILDREN,
    COMMON,
    EMPTY_TAGS,
    ENDING_TAGS,
    REFUSED_TAGS,
    VOID_TAGS,
)
from nurture.errors import Problem
from nurture.workspace.suggestions import did_you_mean

MAX_NESTING = 100
_TOKEN = re.compile(
    r"""(?P<comment><!--.*?-->)
    |</(?P<close>[A-Za-z][\w:-]*)\s*>
    |<(?P<open>[A-Za-z][\w:-]*)(?P<attributes>(?:[^"'<>]|"[^"]*"|'[^']*')*?)(?P<empty>/?)>
    |(?P<bare><)
    |(?P<mark>j2mark\d+x)""",
    re.DOTALL | re.VERBOSE,
)
_ATTRIBUTE = re.compile(r"""([^\s=/"']+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'=<>]+))?""")
_REMOTE_FONT = re.compile(r"@import\b|@font-face\b", re.IGNORECASE)
_REMOTE_CSS = re.compile(r"url\(\s*['\"]?\s*(?:https?:)?//", re.IGNORECASE)
_REMOTE = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)
_REFUSED_HTML = frozenset(
    ["script", "link", "iframe", "object", "embed", "form", "input", "button", "base", "style", "video", "audio"]
)
_OPENING = frozenset(["if", "for", "macro", "call", "filter", "with", "autoescape"])
_MULTIPLYING = frozenset({"for", "macro", "call"})
_NO_JINJA_IN = frozenset(["mjml", "mj-head", "mj-attributes", "mj-accordion", "mj-navbar", "mj-social"])


@dataclass(slots=True)
class _Open:
    name: str  # a tag's name, or the keyword of a Jinja block
    offset: int
    block: bool = False


@dataclass(slots=True)
class Findings:
    """What the linter saw: problems, and facts that the compiler needs."""

    problems: list[Problem] = field(default_factory=list)
    default_marks: set[int] = field(default_factory=set)  # marks in <mj-attributes>: used only where the tag is
    images: list[tuple[int, int, str]] = field(default_factory=list)  # (start, end, path) of fixed image files


def lint(hidden: HiddenText, marks: Marks) -> Findings:
    """All problems of an expanded template, and its fixed images."""
    linter = _Linter(hidden, marks)
    linter.run()
    linter.findings.problems.sort()
    return linter.findings


class _Linter:
    def __init__(self, hidden: HiddenText, marks: Marks) -> None:
        self.hidden, self.marks = hidden, marks
        self.findings = Findings()
        self.stack: list[_Open] = []
        self.root_seen = False

    def report(self, offset: int, message: str) -> None:
        self.findings.problems.append(self.hidden.place(offset).problem(message))

    def run(self) -> None:
        text, end = self.hidden.text, 0
        for match in _TOKEN.finditer(text):
            self.text(end, match.start())
            end = match.end()
            kind = match.lastgroup
            if match["comment"]:
                continue
            if match["close"]:
                self.close(match["close"], match.start())
            elif match["open"]:
                self.open(match)
            elif match["mark"]:
                self.jinja(self.marks[int(MARK.fullmatch(match["mark"])[1])], match.start())  # type: ignore[index]
            elif kind == "bare":
                self.bare(match.start())
            if len(self.stack) > MAX_NESTING:
                self.report(match.start(), f"tags are nested more than {MAX_NESTING} deep")
                return
        self.text(end, len(text))
        for left in self.stack:
            if not left.block:  # Jinja itself reports its blocks
                self.report(left.offset, f"<{left.name}> is never closed")
        if not self.root_seen and not self.findings.problems:
            place = self.hidden.place(0) if text else None
            self.findings.problems.append(
                place.problem("a template starts with <mjml>") if place else Problem("", 0, 0, "the template is empty")
            )

    @property
    def parent(self) -> str:
        """The innermost open tag; empty at the top."""
        return next((item.name for item in reversed(self.stack) if not item.block), "")

    @property
    def content_tag(self) -> str:
        """The open MJML tag that takes HTML, if we are in one."""
        return next((item.name for item in self.stack if item.name in ENDING_TAGS), "")

    def bare(self, offset: int) -> None:
        start = self.hidden.text[offset : offset + 9]
        if start.startswith("<![CDATA["):
            self.report(offset, "CDATA does not work in MJML; write the text itself")
        elif start.startswith("<?"):
            self.report(offset, "an XML declaration does not work in MJML; remove it")
        elif re.match(r"</?[A-Za-z]", start):
            self.report(offset, "this tag is never closed with `>`, or a quote in it is left open")
        else:
            self.report(offset, "a bare `<`; write `&lt;`")

    def text(self, start: int, end: int) -> None:
        text = self.hidden.text[start:end]
        if not text.strip():
            return
        if self.parent == "mj-style":
            if found := _REMOTE_FONT.search(text):
                self.report(start + found.start(), f"{found[0]}: {REFUSED_TAGS['mj-font']}")
            elif found := _REMOTE_CSS.search(text):
                self.report(start + found.start(), "styles must not load anything from the net; it tells who reads")
        elif not self.content_tag:
            begin = start + len(text) - len(text.lstrip())
            inside = f"in <{self.parent}>" if self.parent else "outside of <mjml>"
            self.report(begin, f"text stands directly {inside}; put it into <mj-text>")

    def jinja(self, mark: Mark, offset: int) -> None:
        keyword = mark.keyword
        if self.parent in _NO_JINJA_IN or not self.parent:
            inside = f"in <{self.parent}>" if self.parent else "outside of <mjml>"
            self.report(offset, f"{mark.token} does not work directly {inside}; put it into <mj-body>")
            return
        if keyword in _OPENING or (keyword == "set" and "=" not in mark.token):
            self.stack.append(_Open(keyword, offset, block=True))
        elif keyword in ("else", "elif"):
            if not (self.stack and self.stack[-1].block):
                self.crossed(mark, offset, "if")
        elif keyword.startswith("end"):
            name = keyword[3:]
            if self.stack and self.stack[-1].block and self.stack[-1].name == name:
                self.stack.pop()
            else:
                self.crossed(mark, offset, name)

    def crossed(self, mark: Mark, offset: int, name: str) -> None:
        """A Jinja block that does not begin and end in the same tag; without any block, Jinja will tell."""
        for index in range(len(self.stack) - 1, -1, -1):
            item = self.stack[index]
            if item.block and item.name == name:
                line = self.hidden.place(item.offset).line
                self.report(
                    offset, f"{mark.token} stands inside <{self.parent}>, but its block begins outside (line {line})"
                )
                if mark.keyword.startswith("end"):
                    del self.stack[index]
                return

    def open(self, match: re.Match[str]) -> None:
        name, offset = match["open"], match.start()
        if MARK.fullmatch(name):
            self.report(offset, "a tag's name is fixed text, without Jinja")
            return
        self.check_place(name, offset)
        attributes = self.attributes(name, match)
        self.check_values(name, attributes, match)
        if name == "mjml":
            self.root_seen = True
        known_empty = name in VOID_TAGS or (name in EMPTY_TAGS and match["empty"])
        if not match["empty"] and not known_empty:
            self.stack.append(_Open(name, offset))

    def check_place(self, name: str, offset: int) -> None:
        parent = self.parent
        if name in REFUSED_TAGS:
            self.report(offset, f"<{name}>: {REFUSED_TAGS[name]}")
        elif content := self.content_tag:
            if name.startswith("mj"):
                self.report(offset, f"<{name}> does not work inside <{content}>, which takes HTML")
            elif name.lower() in _REFUSED_HTML:
                self.report(offset, f"<{name}> does not work in mail")
        elif parent == "mj-attributes":
            if name not in ATTRIBUTES and name not in ("mj-all", "mj-class"):
                self.report(offset, f"<{name}> is no MJML tag{did_you_mean(name, ATTRIBUTES.keys() | {'mj-all'})}")
        elif name not in ATTRIBUTES:
            hint = did_you_mean(name, set(ATTRIBUTES)) if name.startswith("mj") else "; HTML goes into <mj-text>"
            self.report(offset, f"unknown tag <{name}>{hint}")
        elif (parent or name != "mjml") and name not in CHILDREN.get(parent, frozenset()):
            homes = sorted(tag for tag, children in CHILDREN.items() if name in children)
            where = " or ".join(f"<{home}>" for home in homes)
            inside = f"in <{parent}>" if parent else "at the top"
            self.report(offset, f"<{name}> must not stand {inside}; it belongs in {where or 'the top'}")
        elif name in ("mj-column", "mj-group"):
            self.check_column(name, offset)

    def check_column(self, name: str, offset: int) -> None:
        for item in reversed(self.stack):
            if not item.block:
                return
            if item.name in _MULTIPLYING:
                self.report(
                    offset,
                    f"a {{% {item.name} %}} around <{name}>: MJML computes widths from the columns that it sees; "
                    "put the loop around the section, or into the column",
                )
                return

    def attributes(self, name: str, match: re.Match[str]) -> dict[str, tuple[int, str]]:
        found: dict[str, tuple[int, str]] = {}
        start = match.start("attributes")
        for part in _ATTRIBUTE.finditer(match["attributes"]):
            key, value, offset = part[1], part[2], start + part.start()
            if (mark := MARK.search(key)) or (value and value[0] not in "\"'" and MARK.search(value)):
                token = self.marks.in_text(part[0])[0].token if mark else value
                self.report(
                    offset,
                    f"{token} stands in the attribute list of <{name}>; Jinja works only inside a quoted value"
                    if mark
                    else f"the value of {key!r} needs quotes",
                )
                continue
            if value and value[0] not in "\"'":
                self.report(offset, f"the value of {key!r} needs quotes")
                continue
            found[key] = (start + part.start(2) + 1, value[1:-1] if value else "")
        return found

    def check_values(self, name: str, attributes: dict[str, tuple[int, str]], match: re.Match[str]) -> None:
        in_defaults = self.parent == "mj-attributes"
        if name.startswith("mj"):
            self.check_known(name, attributes, in_defaults=in_defaults)
        if in_defaults:
            self.findings.default_marks.update(mark.number for mark in self.marks.in_text(match["attributes"]))
        if in_defaults or name in REFUSED_TAGS:
            return
        for key in ("src", "background-url", "background", "srcset"):
            if key in attributes:
                self.check_image(*attributes[key])
        if name in ("mj-image", "img"):
            if "alt" not in attributes:
                self.report(match.start(), f'<{name}> needs an alt text (alt="" for a mere decoration)')
            if "src" not in attributes:
                self.report(match.start(), f"<{name}> needs a src")
        if name == "mj-social-element" and "src" not in attributes:
            self.report(match.start(), "<mj-social-element> needs a src: its icon would come from a stranger's server")
        if "style" in attributes and _REMOTE_CSS.search(attributes["style"][1]):
            self.report(attributes["style"][0], "styles must not load anything from the net; it tells who reads")

    def check_known(self, name: str, attributes: dict[str, tuple[int, str]], *, in_defaults: bool) -> None:
        known = ATTRIBUTES.get(name)
        if name in ("mj-all", "mj-class"):
            known = ALL_ATTRIBUTES | {"name"}
        if known is None:
            return
        for key, (offset, _) in attributes.items():
            if key not in known and (key not in COMMON or in_defaults):
                at = offset - len(key) - 2
                self.report(at, f"<{name}> has no attribute {key!r}{did_you_mean(key, known | COMMON)}")

    def check_image(self, offset: int, value: str) -> None:
        if not value.strip():
            self.report(offset, "the image file is missing")
        elif MARK.search(value):
            if _REMOTE.match(value):
                self.report(offset, "images travel with the mail; write a file of the workspace, not an address")
        elif _REMOTE.match(value):
            self.report(offset, "images travel with the mail; write a file of the workspace, not an address")
        else:
            self.findings.images.append((offset, offset + len(value), value))

    def close(self, name: str, offset: int) -> None:
        if name in VOID_TAGS:
            return
        if self.stack and not self.stack[-1].block and self.stack[-1].name == name:
            self.stack.pop()
            return
        tags = [item for item in self.stack if not item.block]
        if self.stack and self.stack[-1].block and tags and tags[-1].name == name:
            block = self.stack[-1]
            self.report(
                block.offset, f"{{% {block.name} %}} begins inside <{name}>, but is not closed before </{name}>"
            )
            while self.stack.pop().name != name:
                continue
        elif any(item.name == name for item in tags):
            while self.stack:
                item = self.stack.pop()
                if item.block:
                    continue
                if item.name == name:
                    return
                self.report(item.offset, f"<{item.name}> is not closed before </{name}>")
        else:
            self.report(offset, f"</{name}> closes nothing that is open")
