"""The documents say what the program does: generated pages are fresh, links lead somewhere, commands exist."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"glossary.in.md"}  # of a generated document; its links lead to what is generated around it
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")] if path.name not in PARTS)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|[`$(]\s*)nurture ((?:[a-z]+[ -]?)+)", re.MULTILINE)


def names_of(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


def test_generated_documents_are_fresh():
    done = subprocess.run(
        [sys.executable, "scripts/write_docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("document", DOCUMENTS, ids=names_of(DOCUMENTS))
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = target.partition("#")
        path = (document.parent / file) if file else document
        assert path.exists(), f"{document.name} links to {target}, which is not there"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{document.name} links to {target}, but there is no such heading"


def anchors(path):
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture(scope="module")
def commands():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import write_docs
    finally:
        sys.path.pop(0)
    return {name for name, _ in write_docs.walk_commands()}


@pytest.mark.parametrize("document", DOCUMENTS, ids=names_of(DOCUMENTS))
def test_every_command_in_a_document_exists(document, commands):
    known_first = {name.split()[0] for name in commands}
    code = re.findall(r"`(nurture [^`]+)`", text := document.read_text(encoding="utf-8"))
    code += re.findall(
        r"^(?:\$ )?(nurture [^\n]+)$", "\n".join(re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL)), re.MULTILINE
    )
    for line in code:
        words = line.split()[1:]
        if words[0].startswith("-") or words[0] in ("…", "DIR"):
            continue
        assert words[0] in known_first, f"{document.name}: `{line}` is no command"
        if words[0] in {name.split()[0] for name in commands if " " in name} and len(words) > 1 and words[1].isalpha():
            name = " ".join(words[:2])
            assert name in commands or words[1].isupper(), f"{document.name}: `{line}` is no command"


def test_the_two_commands_are_in_the_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "make demo" in text
    assert "make test" in text


def test_the_house_that_contributors_read_of_is_the_contract():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = " > ".join(contracts[0]["layers"]).replace("nurture.", "")
    assert layers in " ".join(text.split())
    folders = {path.name for path in (ROOT / "nurture").iterdir() if (path / "__init__.py").exists()}
    assert set(re.findall(r"^\| `nurture/(\w+)/` \|", text, re.MULTILINE)) == folders - {"vocabulary"}


def test_documents_name_no_machine():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        path = ROOT / name
        if path.suffix in (".md", ".py", ".toml", ".yaml", ".sh", ".txt", ".mjml") and path.exists():
            text = path.read_text(encoding="utf-8")
            assert "files.pythonhosted" + ".org" not in text, f"{name} names a package registry"
            assert "pypi" + ".org/simple" not in text, f"{name} names a package registry"


def test_every_test_that_a_promise_leans_on_exists():
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    named = re.findall(r"`([a-z]+/test_\w+\.py)(?:::(test_\w+))?`", text)
    assert len(named) > 30
    for file, name in named:
        path = ROOT / "tests" / file
        assert path.exists(), f"reliability.md names {file}, which is not there"
        assert not name or f"def {name}(" in path.read_text(encoding="utf-8"), f"{file} has no {name}"
