"""New workspaces and new files in them: commented starts that work as they are."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from nurture.errors import InputError, WorkspaceError
from nurture.vocabulary import CampaignKind
from nurture.workspace import scaffold_texts
from nurture.workspace.document import read_mapping
from nurture.workspace.loader import load_model, validate
from nurture.workspace.names import SLUG
from nurture.workspace.schemas import write_schemas
from nurture.workspace.settings import Settings
from nurture.workspace.workspace import SETTINGS_FILE

_FOLDERS = ("campaigns", "segments", "imports", "news", "templates/emails")


@dataclass(frozen=True, slots=True)
class Answers:
    """What `nurture init` asks; the defaults are a made-up clinic."""

    clinic: str = "Example Physical Therapy"
    phone: str = "555-0100"
    street: str = "1 Main Street"
    city: str = "Salem"
    region: str = "OR"
    postal_code: str = "97301"
    country: str = "US"
    site: str = "https://clinic.example"
    time_zone: str = "America/Los_Angeles"
    address: str = "hello@clinic.example"


def init_workspace(root: Path, answers: Answers, *, now: datetime) -> tuple[Path, ...]:
    """Write a new workspace that works as it is; returns the files, in order.

    The clinic's date at the aware instant ``now`` is the date of its first news item. Raises `InputError` when
    something stands in the way, before anything is written, and `FilesError`
    when an answer does not fit.
    """
    if (root / SETTINGS_FILE).exists():
        raise InputError(f"{root} is a workspace already; nothing was written")
    text = _settings_text(answers)
    today = validate(read_mapping(text, file=SETTINGS_FILE), Settings).today(now)
    files = {
        SETTINGS_FILE: text,
        "segments/partners.yaml": scaffold_texts.PARTNERS_SEGMENT,
        "campaigns/partner-news.yaml": scaffold_texts.NEWSLETTER,
        "imports/partners.yaml": scaffold_texts.PARTNERS_IMPORT.format(today=today),
        "data/sample/partners.csv": scaffold_texts.PARTNERS_SAMPLE,
        f"news/{today}-hello.md": scaffold_texts.NEWS.format(title="Hello from our clinic", date=today),
    }
    contents = {name: text.encode() for name, text in files.items()}
    for path in _template_files():
        contents[f"templates/emails/{path.relative_to(builtin_templates()).as_posix()}"] = path.read_bytes()
    _refuse_existing(root, contents)
    try:
        for folder in _FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        data = root / "data"
        data.mkdir(mode=0o700, exist_ok=True)
        data.chmod(0o700)
        written = [_write_new(root / name, content) for name, content in contents.items()]
        written.append(_keep_out_of_git(root))
        return (*written, *write_schemas(root))
    except OSError as error:
        raise WorkspaceError(f"{error.filename or root} cannot be written: {error.strerror}") from error


def new_campaign(root: Path, name: str, *, kind: CampaignKind = CampaignKind.NEWSLETTER) -> Path:
    """Write a commented start of ``campaigns/NAME.yaml``; raises `InputError` if it is there already."""
    text = scaffold_texts.NEWSLETTER if kind is CampaignKind.NEWSLETTER else scaffold_texts.BROADCAST
    return _new(root, "campaigns", f"{_checked(name)}.yaml", text.replace("topic: partner-news", f"topic: {name}"))


def new_segment(root: Path, name: str) -> Path:
    """Write a commented start of ``segments/NAME.yaml``; raises `InputError` if it is there already."""
    return _new(root, "segments", f"{_checked(name)}.yaml", scaffold_texts.SEGMENT)


def new_news(root: Path, name: str, *, now: datetime, title: str | None = None) -> Path:
    """Write a commented start of ``news/DATE-NAME.md``, DATE being the clinic's at the aware instant ``now``.

    Raises `InputError` if it is there already, and `FilesError` if ``nurture.yaml`` has problems.
    """
    today = load_model(root / SETTINGS_FILE, Settings, file=SETTINGS_FILE)[0].today(now)
    title = json.dumps(title or name.replace("-", " ").capitalize(), ensure_ascii=False)
    return _new(root, "news", f"{today}-{_checked(name)}.md", scaffold_texts.NEWS.format(title=title, date=today))


def builtin_templates() -> Path:
    """The folder with the templates that come with nurture.

    In a wheel they lie inside the package, in a checkout in the repository's own workspace.
    """
    package = Path(__file__).parents[1]
    inside = package / "templates_builtin"
    return inside if inside.is_dir() else package.parent / "templates" / "emails"


def _template_files() -> list[Path]:
    found = [path for path in sorted(builtin_templates().rglob("*")) if path.suffix in (".mjml", ".txt")]
    if not found:
        raise WorkspaceError(f"the templates that come with nurture are not in {builtin_templates()}; install it again")
    return found


def _settings_text(answers: Answers) -> str:
    quoted = {key: json.dumps(value, ensure_ascii=False) for key, value in asdict(answers).items()}
    return scaffold_texts.SETTINGS.format(**quoted)


def _checked(name: str) -> str:
    if not SLUG.fullmatch(name):
        raise InputError(f"{name!r} is not a good name; use small letters, digits and `-`, for example `spring-news`")
    return name


def _new(root: Path, folder: str, name: str, text: str) -> Path:
    try:
        (root / folder).mkdir(exist_ok=True)
        return _write_new(root / folder / name, text.encode())
    except FileExistsError as error:
        raise InputError(f"{folder}/{name} is there already; nothing was written") from error
    except OSError as error:
        raise WorkspaceError(f"{folder}/{name} cannot be written: {error.strerror}") from error


def _refuse_existing(root: Path, names: dict[str, bytes]) -> None:
    existing = [name for name in names if os.path.lexists(root / name)]
    if existing:
        raise InputError(f"{root} has {', '.join(existing[:5])} already; nothing was written")


def _write_new(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as file:  # never over something that is there, not even through a link
        file.write(content)
    return path


def _keep_out_of_git(root: Path) -> Path:
    """Write ``.gitignore``; one that is there keeps its lines and gets ours."""
    path = root / ".gitignore"
    present = path.read_text(encoding="utf-8", errors="surrogateescape") if path.exists() else ""
    if scaffold_texts.GITIGNORE not in present:
        gap = "\n" if present and not present.endswith("\n") else ""
        with path.open("a", encoding="utf-8") as file:
            file.write(gap + scaffold_texts.GITIGNORE)
    return path
