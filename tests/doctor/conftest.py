"""The DNS as a test writes it down."""

import pytest

from nurture.doctor.resolving import Resolver
from nurture.doctor.zone_file import zone_file_question


@pytest.fixture
def zone(tmp_path):
    """Makes `ask` from the lines of a zone file."""

    def ask_from(*lines):
        path = tmp_path / "clinic.zone"
        path.write_text("\n".join(lines) + "\n")
        return Resolver(zone_file_question(path)).ask

    return ask_from
