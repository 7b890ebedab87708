"""``nurture senders`` says what holds, and who said so."""

from pathlib import Path

from nurture.service.mail_accounts import accounts

SETTINGS = """\
clinic:
  name: Clinic
  phone: 555-0100
  address: {street: 1 Main Street, city: Salem, region: OR, postal_code: "97301"}
  site: https://clinic.example
  time_zone: America/Los_Angeles
senders:
  main:
    name: Clinic
    address: hello@clinic.example
    preset: google
    smtp: {password: env:APP_PASSWORD}
    limits: {per_minute: 20}
  own: {name: Clinic, address: own@clinic.example}
"""


def test_values_and_their_sources(tmp_path: Path) -> None:
    (tmp_path / "nurture.yaml").write_text(SETTINGS)
    main, own = accounts(tmp_path)
    found = {value.name: (value.words, value.source) for value in main.values}
    assert found["company"] == ("Google Workspace", "preset")
    assert found["server"] == ("smtp.gmail.com", "preset")
    assert found["account"] == ("hello@clinic.example", "preset")
    assert found["login"] == ("password from env:APP_PASSWORD", "nurture.yaml")
    assert found["mails a day"] == ("1,000", "preset")
    assert found["mails a minute"] == ("20", "nurture.yaml")
    assert found["connections"] == ("2", "default")
    assert found["return path"] == ("kept", "preset")
    assert {value.name: value.words for value in own.values}["server"].startswith("none yet")
