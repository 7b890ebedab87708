"""`nurture check`: what is wrong with the files, and what is worth a look."""

from datetime import UTC, datetime

from nurture.service.checking import check
from nurture.workspace.scaffold import Answers, init_workspace

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)


def test_a_campaign_for_partners_without_a_purpose_is_worth_a_look(tmp_path):
    root = tmp_path / "clinic"
    init_workspace(root, Answers(), now=NOW)
    file = root / "campaigns" / "partner-news.yaml"
    assert [str(warning) for warning in check(root, now=NOW).warnings] == []

    lines = [line for line in file.read_text().splitlines() if not line.startswith("purpose:")]
    file.write_text("\n".join(lines))
    assert [str(warning) for warning in check(root, now=NOW).warnings] == [
        "campaigns/partner-news.yaml: no `purpose`, so partners who are past patients as well are left out "
        "(45 CFR 164.501)"
    ]

    text = file.read_text()
    (to,) = (line for line in text.splitlines() if line.startswith("to:"))
    file.write_text(text.replace(to, f"to: {{all: [{to[4:]}, {{not: {{category: past_patient}}}}]}}"))
    assert check(root, now=NOW).warnings == ()
