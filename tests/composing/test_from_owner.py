"""Campaigns in the name of the organization's owner: From, Reply-To, signature and photo."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from nurture.composing.edition import EditionContent
from nurture.composing.message import ComposedMessage, Composer
from nurture.errors import ComposeError, FilesError
from nurture.service.checking import check
from nurture.workspace.workspace import load_workspace
from tests.composing.clinic import CAMPAIGN, NOW, PNG, SETTINGS, Clinic, recipient

STAFF = """\
staff:
  kim: {name: Kim Ō, role: Physiotherapist, phone: 555-0101}
  maya:
    name: Maya Okafor, PT, DPT
    role: Owner
    address: maya@clinic.example
    photo: maya.png
    signature: |
      Board certified
      Tuesdays & Thursdays
  jo: {name: Jo, address: jo@elsewhere.example}
"""
SECTIONS = """\
<mj-section><mj-column>
  {% if owner is defined and owner.photo is defined %}<mj-image src="{{ owner.photo }}" alt="{{ owner.name }}" />{% endif %}
  <mj-text>{{ body }} {{ news | length }} {{ signer.name }}
    {% if owner is defined and owner.signature is defined %}{% for line in owner.signature %}[{{ line }}]{% endfor %}{% endif %}
  </mj-text>
</mj-column></mj-section>
"""


@pytest.fixture
def office(clinic: Clinic) -> Clinic:
    """Its campaign goes out in the owner's name."""
    before, _, rest = SETTINGS.partition("staff:\n")
    clinic.write("nurture.yaml", before + STAFF + rest[rest.index("senders:") :])
    clinic.write("maya.png", PNG)
    clinic.write("campaigns/news.yaml", CAMPAIGN + "from_owner: true\n")
    clinic.raw_template(SECTIONS)
    return clinic


def parsed(message: ComposedMessage) -> EmailMessage:
    found = message_from_bytes(message.raw, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def partner(owner: str) -> dict[str, Any]:
    return {"first_name": "Ana", "organization": {"name": "North Gym", "owner": owner}}


def test_the_owner_writes_and_signs(office: Clinic) -> None:
    message = office.compose(partner("maya"))
    mail = parsed(message)
    assert str(mail["From"]) == '"Maya Okafor, PT, DPT" <hello@clinic.example>'
    assert [each.addr_spec for each in mail["Reply-To"].addresses] == [
        "maya@clinic.example",
        "desk+mail@clinic.example",
    ]
    assert message.envelope_from == "hello@clinic.example"
    assert "Maya Okafor, PT, DPT" in message.text
    assert "[Board certified][Tuesdays & Thursdays]" in message.html.replace("&amp;", "&")
    (photo,) = [part for part in mail.walk() if part.get_filename("").startswith("file-")]
    assert photo.get_content() == PNG


def test_each_reader_has_their_own_writer(office: Clinic) -> None:
    composer = office.composer()
    mails = [parsed(composer.compose(recipient(partner(owner)))) for owner in ("maya", "kim", "maya", "gone", "")]
    names = [mail["From"].addresses[0].display_name for mail in mails]
    assert names == ["Maya Okafor, PT, DPT", "Kim Ō", "Maya Okafor, PT, DPT", "Clinic, Example", "Clinic, Example"]
    assert {mail["From"].addresses[0].addr_spec for mail in mails} == {"hello@clinic.example"}
    photos = [sum(part.get_filename("").startswith("file-") for part in mail.walk()) for mail in mails]
    assert photos == [1, 0, 1, 0, 0]


def test_without_an_owner_the_sender_writes_and_its_signer_signs(office: Clinic) -> None:
    message = office.compose({"first_name": "Ana"})
    assert parsed(message)["Reply-To"] == "desk+mail@clinic.example"
    assert "Kim Ō" in message.text
    assert "[" not in message.text


@pytest.mark.parametrize("owner", ["jo", "kim"])
def test_an_address_elsewhere_or_none_gets_no_answers(office: Clinic, owner: str) -> None:
    assert parsed(office.compose(partner(owner)))["Reply-To"] == "desk+mail@clinic.example"


def test_only_a_campaign_that_says_so(office: Clinic) -> None:
    office.write("campaigns/news.yaml", CAMPAIGN)
    message = office.compose(partner("maya"))
    assert str(parsed(message)["From"]) == '"Clinic, Example" <hello@clinic.example>'
    assert "owners" not in office.edition(()).to_json()["shared"]
    assert "[" not in message.text


def test_an_edition_keeps_its_writers(office: Clinic) -> None:
    """The files may change, and the photo go: the mail stays the same, byte for byte."""
    content = office.edition(()).to_json()
    first = office.compose(partner("maya")).raw
    (office.root / "maya.png").unlink()
    again = Composer(EditionContent.from_json(content)).compose(recipient(partner("maya")))
    assert again.raw == first


def test_a_hostile_name_stays_a_name(office: Clinic) -> None:
    text = (office.root / "nurture.yaml").read_text()
    name = "Eve <evil@x.example>, \\u2028Bcc"
    office.write("nurture.yaml", text.replace("name: Jo,", f'name: "{name.encode().decode("unicode_escape")[:20]}",'))
    addresses = parsed(office.compose(partner("jo")))["From"].addresses
    assert [each.addr_spec for each in addresses] == ["hello@clinic.example"]


def test_what_cannot_be_shown_is_said_before(office: Clinic) -> None:
    (office.root / "maya.png").write_bytes(b"no image")
    with pytest.raises(ComposeError, match=r"nurture\.yaml: .*maya\.png"):
        office.composer()
    (office.root / "maya.png").unlink()
    with pytest.raises(FilesError, match=r"maya\.png"):
        load_workspace(office.root)


def test_check_tries_the_owner_as_well(office: Clinic) -> None:
    office.raw_template(SECTIONS.replace("[{{ line }}]", "[{{ line.nothing }}]"))
    problems = check(office.root, now=NOW).problems
    assert any("nothing" in problem.message for problem in problems), problems


def test_nobody_to_write(office: Clinic) -> None:
    text = (office.root / "nurture.yaml").read_text()
    start, end = text.index("staff:"), text.index("senders:")
    office.write("nurture.yaml", (text[:start] + text[end:]).replace(", signer: kim", ""))
    with pytest.raises(FilesError, match="add people under `staff`"):
        load_workspace(office.root)
