"""A small good workspace to break in one place at a time."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SETTINGS = """\
clinic:
  name: Riverbend Physical Therapy
  phone: 555-0100
  address: {street: 1 Main Street, city: Salem, region: OR, postal_code: "97301"}
  site: https://riverbend.example
  time_zone: America/Los_Angeles
senders:
  main: {name: Riverbend, address: hello@riverbend.example}
"""

NEWSLETTER = """\
kind: newsletter
topic: partner-news
to: partners
schedule: first tuesday at 09:30
subject: News
template: newsletter
intent: give
"""

GOOD: Mapping[str, str] = {
    "nurture.yaml": SETTINGS,
    "campaigns/partner-news.yaml": NEWSLETTER,
    "segments/partners.yaml": "category: [healthcare_provider, private_business]\n",
    "templates/emails/newsletter.mjml": "<mjml></mjml>\n",
}


@pytest.fixture
def write_workspace(tmp_path: Path) -> Callable[..., Path]:
    """Writes the good workspace and returns its root.

    ``changes`` replaces, adds or (None) leaves out whole files; ``edit`` = (file, old, new) changes one text.
    """

    def write(
        changes: Mapping[str, str | bytes | None] | None = None, *, edit: tuple[str, str, str] | None = None
    ) -> Path:
        files = {**GOOD, **(changes or {})}
        if edit is not None:
            file, old, new = edit
            assert files[file].count(old) == 1
            files[file] = files[file].replace(old, new)
        for name, content in files.items():
            if content is None:
                continue
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path

    return write
