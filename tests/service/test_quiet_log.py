"""What is logged names nobody: a month of the sample clinic, what comes back, and mails that cannot be judged."""

import logging

import pytest
import sqlalchemy as sa

from nurture.service import inbox
from nurture.service.demo import demo_house, drive, import_sample
from nurture.store.schema import contact

WORDS = "grace.lee@willamettefamily.example wrote something"


@pytest.mark.parametrize("broken", [False, True], ids=["all well", "what follows fails"])
async def test_nobody_stands_in_the_log(caplog, monkeypatch, broken):
    if broken:

        def fail(*_, **__):
            raise ValueError(WORDS)

        monkeypatch.setattr(inbox, "_act", fail)
    with caplog.at_level(logging.DEBUG, "nurture"), demo_house() as house:
        list(import_sample(house))
        async for _ in drive(house, days=9):
            pass
        with house.store.read() as connection:
            rows = connection.execute(sa.select(contact.c.address, contact.c.last_name)).all()
    said = "\n".join(caplog.handler.format(record) for record in caplog.records if record.name == inbox.log.name)
    assert len(rows) > 50
    assert [row for row in rows if row.address in said or (row.last_name and f" {row.last_name}" in said)] == []
    if broken:
        assert "could not be done (ValueError)" in said
