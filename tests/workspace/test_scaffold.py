"""New workspaces and new files work as they are, and overwrite nothing."""

import stat
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from nurture.errors import FilesError, InputError, WorkspaceError
from nurture.vocabulary import CampaignKind
from nurture.workspace.front_matter import NewsFile, read_front_matter
from nurture.workspace.loader import validate
from nurture.workspace.privacy import check_privacy
from nurture.workspace.scaffold import Answers, init_workspace, new_campaign, new_news, new_segment
from nurture.workspace.workspace import load_workspace

NOW = datetime(2026, 12, 2, 4, tzinfo=UTC)  # the second of December in London, still the first in Oregon
TODAY = date(2026, 12, 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "clinic"
    init_workspace(folder, Answers(), now=NOW)
    return folder


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_new_workspace_works(root: Path) -> None:
    workspace = load_workspace(root)
    assert set(workspace.campaigns) == {"partner-news"}
    assert set(workspace.segments) == {"partners"}
    news = root / "news" / "2026-12-01-hello.md"
    item = validate(read_front_matter(news.read_text(), file=news.name).document, NewsFile)
    assert item.date == TODAY
    assert (root / "templates/emails/newsletter.mjml").is_file()
    assert stat.S_IMODE((root / "data").stat().st_mode) == 0o700
    for name, text in contents(root).items():
        schema = text.decode().partition("$schema=")[2].split("\n")[0] if name.endswith(".yaml") else ""
        assert not schema or (root / name).parent.joinpath(schema).is_file()


def test_answers_are_written_as_text_whatever_they_hold(tmp_path: Path) -> None:
    answers = Answers(clinic='Smith: "PT" # & Söhne', phone="0100", postal_code="02134")
    init_workspace(tmp_path, answers, now=NOW)
    clinic = load_workspace(tmp_path).settings.clinic
    assert (clinic.name, clinic.phone, clinic.address.postal_code) == (answers.clinic, "0100", "02134")


def test_an_answer_that_does_not_fit_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(FilesError, match="unknown time zone"):
        init_workspace(tmp_path / "clinic", Answers(time_zone="Mars/Olympus"), now=NOW)
    assert not (tmp_path / "clinic").exists()


def test_nothing_is_overwritten(root: Path, tmp_path: Path) -> None:
    before = contents(root)
    with pytest.raises(InputError, match="is a workspace already; nothing was written"):
        init_workspace(root, Answers(clinic="Other"), now=NOW)
    assert contents(root) == before
    other = tmp_path / "other"
    (other / "news").mkdir(parents=True)
    (other / "news" / "2026-12-01-hello.md").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"has news/2026-12-01-hello\.md already; nothing was written"):
        init_workspace(other, Answers(), now=NOW)
    assert not (other / "nurture.yaml").exists()


def test_a_git_ignore_that_is_there_keeps_its_lines(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("*.swp")
    init_workspace(tmp_path, Answers(), now=NOW)
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[0] == "*.swp"
    assert "/data/*" in lines


def test_git_leaves_the_data_out_but_for_the_sample(root: Path) -> None:
    for name in ("data/nurture.db", "data/people.csv", "data/sample/people.csv"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
    git(root, "init", "-q")
    git(root, "add", ".")
    tracked = git(root, "ls-files", "data").split()
    assert tracked == ["data/sample/partners.csv", "data/sample/people.csv"]
    assert check_privacy(root, load_workspace(root).settings) == []


def test_new_files_work_as_they_are(root: Path) -> None:
    new_campaign(root, "spring")
    new_campaign(root, "opening", kind=CampaignKind.BROADCAST)
    new_segment(root, "clubs")
    news = new_news(root, "new-hours", now=NOW)
    workspace = load_workspace(root)
    assert workspace.campaigns["spring"].topic == "spring"
    assert workspace.campaigns["opening"].schedule is None
    assert "clubs" in workspace.segments
    item = validate(read_front_matter(news.read_text(), file=news.name).document, NewsFile)
    assert item.title == "New hours"


def test_a_new_file_needs_a_good_name_and_a_free_place(root: Path) -> None:
    with pytest.raises(InputError, match="is not a good name"):
        new_campaign(root, "../evil")
    before = contents(root)
    with pytest.raises(InputError, match=r"segments/partners\.yaml is there already; nothing was written"):
        new_segment(root, "partners")
    assert contents(root) == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WorkspaceError, match="cannot be written"):
        init_workspace(tmp_path / "file" / "clinic", Answers(), now=NOW)


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", root, *arguments], check=True, capture_output=True, text=True).stdout


MAILBOX = "mailbox: {imap: {host: mail.example, username: me, password: file:imap-password}}\n"
PRIVATE = [
    ("backup.db", "a database"),
    ("data/nurture.db-wal", "a database"),
    ("patients.csv", "a file that may hold contacts"),
    ("lists/partners.XLSX", "a file that may hold contacts"),
    (".env", "a secret"),
    ("data/address.key", "a secret"),
    ("smtp-password", "a secret"),
    ("imap-password", "a secret"),
    ("data/notes.txt", "a file of data/"),
]


def test_private_files_in_git_are_told(root: Path) -> None:
    text = (root / "nurture.yaml").read_text()
    smtp = "    smtp: {host: mail.example, username: me, password: file:smtp-password}\n"
    (root / "nurture.yaml").write_text(text.replace("    # smtp:", smtp + "    # smtp:") + MAILBOX)
    git(root, "init", "-q")
    for name, _ in PRIVATE:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch(mode=0o600)
    (root / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    (root / "own.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    git(root, "add", "-f", ".")
    problems = check_privacy(root, load_workspace(root).settings)
    expected = {(name, f"git tracks {what}") for name, what in [*PRIVATE, ("own.pem", "a secret")]}
    assert {(problem.file, problem.message.split(";")[0]) for problem in problems} == expected
    assert "git rm --cached 'backup.db'" in problems[1].message


def test_files_that_others_can_read_are_told(root: Path) -> None:
    text = (root / "nurture.yaml").read_text()
    (root / "nurture.yaml").write_text(text + "database: file:address-of-database\n" + MAILBOX)
    for name in ("data/nurture.db", "address-of-database", "imap-password"):
        (root / name).touch()
        (root / name).chmod(0o644)
    settings = load_workspace(root).settings
    # a closed data/ protects what is in it
    assert [problem.file for problem in check_privacy(root, settings)] == ["address-of-database", "imap-password"]
    (root / "data").chmod(0o755)
    told = check_privacy(root, settings)
    assert [problem.file for problem in told] == ["address-of-database", "data/nurture.db", "imap-password"]
    assert "chmod 600 'data/nurture.db'" in told[1].message
