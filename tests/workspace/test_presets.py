"""Presets of mail companies: what the clinic writes wins, and the table agrees with what doctor and the docs say."""

from pathlib import Path
from typing import Any

import pytest

from nurture.doctor.relays import known_relay
from nurture.errors import FilesError
from nurture.workspace.presets import ReturnPath, presets
from nurture.workspace.settings import Sender, TlsMode
from nurture.workspace.workspace import load_workspace

DOCS = Path(__file__).parents[2] / "docs" / "senders.md"
CLINIC = {"name": "Clinic", "address": "hello@clinic.example"}
OAUTH = {"client_id": "env:ID"}


def sender(**written: Any) -> Sender:
    return Sender.model_validate({**CLINIC, **written})


def test_a_preset_gives_what_the_clinic_leaves_out() -> None:
    found = sender(preset="google", smtp={"password": "env:APP_PASSWORD"})
    assert found.smtp is not None
    assert (found.smtp.host, found.smtp.port, found.smtp.tls) == ("smtp.gmail.com", 587, TlsMode.STARTTLS)
    assert found.smtp.username == "hello@clinic.example"
    assert (found.limits.per_day, found.limits.per_minute) == (1000, 60)
    assert sender(preset="microsoft365", smtp={"oauth": OAUTH}).connections == 1


def test_what_the_clinic_writes_wins() -> None:
    smtp = {"host": "smtp-relay.gmail.com", "port": 465, "tls": "implicit", "username": "office@clinic.example"}
    found = sender(preset="google", smtp={**smtp, "password": "env:P"}, limits={"per_day": 300}, connections=5)
    assert found.smtp is not None
    assert (found.smtp.host, found.smtp.port, found.smtp.tls) == ("smtp-relay.gmail.com", 465, TlsMode.IMPLICIT)
    assert found.smtp.username == "office@clinic.example"
    assert (found.limits.per_day, found.limits.per_minute, found.connections) == (300, 60, 5)


def test_a_limit_may_be_taken_away() -> None:
    assert sender(preset="google", limits={"per_day": None}).limits.per_day is None


def test_without_an_account_none_is_made_up() -> None:
    assert sender(preset="google").smtp is None


def test_the_tenant_goes_into_all_addresses() -> None:
    for tenant, expected in (({}, "organizations"), ({"tenant": "clinic.example"}, "clinic.example")):
        smtp = sender(preset="microsoft365", smtp={"oauth": {**OAUTH, **tenant}}).smtp
        assert smtp is not None
        assert smtp.oauth is not None
        urls = (smtp.oauth.authorize_url, smtp.oauth.token_url, smtp.oauth.device_url)
        assert all(url and url.startswith(f"https://login.microsoftonline.com/{expected}/oauth2/") for url in urls)


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("preset: gogle", "`gogle` is unknown; did you mean `google`?"),
        ("preset: microsoft", "did you mean `microsoft365`?"),
        ("preset: ses, smtp: {username: a, password: env:P}", "email-smtp.us-east-1.amazonaws.com"),
        ("preset: smtp, smtp: {username: a, password: env:P}", "host: smtp.provider.example"),
        ("preset: google, smtp: {}", "write `password` or `oauth`: an app password"),
        ("preset: google, smtp: {password: env:P, oauth: {client_id: env:I}}", "`password` or `oauth`, not both"),
        ("preset: mailgun, smtp: {oauth: {client_id: env:I}}", "`token_url` is missing"),
        ("preset: google, smtp: {oauth: {client_id: env:I, token_url: 'http://a.example/t'}}", "must begin with https"),
        ("preset: google, smtp: {oauth: {client_id: the-id-itself}}", "write where the secret is"),
        ("preset: microsoft365, smtp: {oauth: {client_id: env:I, tenant: ../evil}}", "has not the right form"),
        ("preset: [google]", "google"),
        ("preset: google, limits: 5", "keys and values are expected here"),
        ("preset: google, smtp: 5", "keys and values are expected here"),
    ],
)
def test_what_is_wrong_is_said_at_its_line(write_workspace: Any, written: str, problem: str) -> None:
    root = write_workspace(edit=("nurture.yaml", "hello@riverbend.example}", f"hello@riverbend.example, {written}}}"))
    with pytest.raises(FilesError) as caught:
        load_workspace(root)
    assert any(problem in each.message and each.line == 8 for each in caught.value.problems), caught.value


def test_every_preset_is_a_sender() -> None:
    login = {"host": "mx.clinic.example", "username": "a", "password": "env:P"}
    for name in presets():
        assert sender(preset=name, smtp=login).smtp is not None


def test_doctor_knows_the_same_of_these_companies() -> None:
    hosts = {name: preset.values["smtp"].get("host") for name, preset in presets().items()}
    hosts["ses"] = "email-smtp.us-east-1.amazonaws.com"
    for name, host in hosts.items():
        relay = known_relay(host) if host else None
        assert (relay is None) == (name == "smtp"), name
        if relay is not None:
            assert relay.own_envelope == (presets()[name].return_path is ReturnPath.REPLACED), name


def test_the_page_has_the_values_of_each_preset() -> None:
    page = DOCS.read_text(encoding="utf-8")
    for name, preset in presets().items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| `{name}` |")]
        limits = preset.values.get("limits", {})
        for value in (preset.values["smtp"].get("host"), *limits.values()):
            assert value is None or (f"{value:,}" if isinstance(value, int) else value) in row, (name, value)
        assert preset.return_path.value in row
