"""A small clinic in a temporary folder."""

from pathlib import Path

import pytest

from tests.composing.clinic import Clinic, make_clinic


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return make_clinic(tmp_path)
