"""`verp` in nurture.yaml: where a plus-address cannot work it is said; and what a return path looks like."""

import re
from datetime import UTC, datetime

import pytest

from nurture.composing.link_tokens import LinkKey, make_token, parse_token
from nurture.composing.return_path import return_path, returned_tokens
from nurture.errors import FilesError
from nurture.vocabulary import LinkPurpose
from nurture.workspace.scaffold import Answers, init_workspace
from nurture.workspace.workspace import load_workspace

TOKEN = make_token(LinkKey("00ff", b"k" * 32), LinkPurpose.BOUNCE, 7, "key")


@pytest.mark.parametrize(
    ("address", "more", "words"),
    [
        ("hello+news@clinic.example", "", "no `+` in it"),
        (f"{'h' * 30}@clinic.example", "", "at most 29 characters"),
        ("hello@clinic.example", "    preset: postmark\n", "puts a return path of its own"),
    ],
)
def test_where_it_cannot_work_it_is_said(tmp_path, address, more, words):
    init_workspace(tmp_path / "clinic", Answers(), now=datetime(2026, 11, 20, 20, tzinfo=UTC))
    settings = tmp_path / "clinic" / "nurture.yaml"
    text = settings.read_text().replace("hello@clinic.example", address)
    settings.write_text(text.replace("    # smtp:", f"    verp: true\n{more}    # smtp:", 1))
    with pytest.raises(FilesError, match=re.escape(words)):
        load_workspace(settings.parent)


def test_a_return_path_names_the_mail_and_comes_back_in_any_field():
    path = return_path("hello@clinic.example", TOKEN)
    assert path == f"hello+b.{TOKEN}@clinic.example"
    assert return_path("hello@clinic.example", "") == "hello@clinic.example"
    assert returned_tokens([f"Clinic <{path}>", path, "x@y.example"]) == (parse_token(TOKEN),)
    assert returned_tokens(["hello+b.@clinic.example", "hello+b." + "x" * 33 + "@clinic.example"]) == ()
