"""What `nurture check` says of a set-up that does without something."""

from datetime import UTC, datetime

import pytest

from nurture.service.checking import check
from nurture.workspace.scaffold import Answers, init_workspace

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
URL = "public_url: https://mail.riverbend-pt.com"
IMAP = "imap: {host: imap.example, username: x, password: 'env:X'}"
PERSON = "staff: {rosa: {name: Rosa Delgado}}\nmailbox: none\nreplies_read_by: rosa"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("", ["without `public_url`", "somebody has to read them", "10 business days"]),
        (URL, ["somebody has to read them"]),
        (PERSON, ["without `public_url`", "Rosa Delgado has to read them", "10 business days"]),
        (f"mailbox: {{{IMAP}}}", ["without `public_url`", "a fingerprint of each other mail"]),
        (f"{URL}\nmailbox: {{kind: dedicated, {IMAP}}}", []),
    ],
    ids=["nothing", "page", "a person", "mailbox", "both"],
)
def test_each_set_up_says_what_it_costs(tmp_path, lines, said):
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=NOW)
    settings = root / "nurture.yaml"
    settings.write_text(f"{settings.read_text()}{lines}\n")
    report = check(root, now=NOW)
    assert report.problems == ()
    assert [part for cost, part in zip(report.costs, said, strict=True) if part not in cost] == []
