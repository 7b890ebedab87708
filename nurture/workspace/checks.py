"""Checks across files: names that must exist, rules that need more than one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nurture.errors import Problem
from nurture.workspace.campaign import Campaign
from nurture.workspace.conditions import Condition
from nurture.workspace.document import Document
from nurture.workspace.settings import Settings


def check_files(
    root: Path,
    *,
    settings: tuple[Settings, Document] | None,
    segments: Mapping[str, tuple[Condition, Document]],
    campaigns: Mapping[str, tuple[Campaign, Document]],
) -> list[Problem]:
    """Every problem between the files; a file that could not be read is left out."""
    return []
