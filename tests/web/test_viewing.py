"""A mail in a browser: as it was sent, for past patients as for somebody unknown."""

from pathlib import Path

import pytest

from nurture.audience.erasing import erase_contact
from nurture.composing.link_keys import read_link_keys
from nurture.composing.link_tokens import make_token
from nurture.store import Store
from nurture.vocabulary import LinkPurpose
from tests.delivery.outbox import NOW
from tests.web.test_following import Mailed, send


def view(mailed: Mailed, number: int = 0) -> str:
    key = read_link_keys(mailed.desk.data).newest
    ids, recipients = mailed.outbox.delivery_ids, mailed.outbox.column("recipient_key")
    return f"/v/{make_token(key, LinkPurpose.VIEW, ids[number], recipients[number])}"


async def test_the_page_is_the_mail_without_anything_that_notes(store: Store, tmp_path: Path) -> None:
    mailed = await send(store, tmp_path / "clinic")
    answer = mailed.get(view(mailed))
    assert answer.status == 200
    assert "Hello Name1" in answer.body
    assert 'href="https://riverbend.example/three"' in answer.body
    assert "/c/" not in answer.body
    assert "<img" not in answer.body
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert mailed.noted() == []


async def test_a_past_patients_mail_names_nobody(store: Store, tmp_path: Path) -> None:
    mailed = await send(store, tmp_path / "clinic", categories=("past_patient",))
    answer = mailed.get(view(mailed))
    assert answer.status == 200
    assert "Hello there" in answer.body
    assert "Name1" not in answer.body
    assert "person1@" not in answer.body
    assert "Hello Name2" in mailed.get(view(mailed, 1)).body
    mailed.desk.stop()


async def test_what_cannot_be_shown_is_as_unknown_as_any_other_link(store: Store, tmp_path: Path) -> None:
    mailed = await send(store, tmp_path / "clinic")
    path = view(mailed)
    unknown = mailed.get("/v/" + "A" * 32)
    click = mailed.links()[0].replace("/c/", "/v/").rpartition("/")[0]
    erase_contact(store, "person1@clinic-partner.example", now=NOW)
    for asked in (mailed.get(path), mailed.get(click), mailed.get(f"{path}/"), mailed.get("/v/")):
        assert (asked.status, asked.body) == (404, unknown.body)
    assert mailed.desk.ask(view(mailed, 1), "POST", b"").status == 404
    mailed.desk.stop()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_changes_nothing(store: Store, tmp_path: Path, method: str) -> None:
    mailed = await send(store, tmp_path / "clinic")
    for _ in range(5):
        assert mailed.get(view(mailed), method).status == 200
    assert mailed.noted() == []
    assert mailed.desk.left() == []
