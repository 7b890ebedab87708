"""The way out of a mail: by mail alone, or also by a page of its own for each reader."""

from dataclasses import replace

import pytest

from nurture.composing.edition import EditionContent, prepare_edition
from nurture.composing.message import Composer
from nurture.composing.recipient import LinkTokens
from nurture.composing.shared import PageAddress
from nurture.errors import ComposeError, RenderError
from tests.composing.clinic import FOOTER, Clinic, make_clinic, parse, part_text, recipient

MAILTO = "mailto:desk+mail@clinic.example?subject=STOP"
TOKEN = "t" * 32
LONG = "https://mail.a-physical-therapy-clinic-with-a-long-name.example/nurture/pages"


@pytest.fixture
def clinic(tmp_path) -> Clinic:
    return make_clinic(tmp_path)


def composer(clinic: Clinic, url: str | None) -> Composer:
    content = prepare_edition(
        clinic.workspace, "news", news=(), occurrence="2026-12-01T09:30", pages=PageAddress(url, "00ff")
    )
    return Composer(EditionContent.from_json(content.to_json()))


def test_without_a_page_there_is_no_one_click_field(clinic: Clinic) -> None:
    mail = parse(clinic.compose().raw)
    assert mail["List-Unsubscribe"] == f"<{MAILTO}>"
    assert mail["List-Unsubscribe-Post"] is None
    assert f'href="{MAILTO}"' in part_text(mail, "html")


@pytest.mark.parametrize("url", ["https://p.example", LONG])
def test_each_reader_has_a_link_of_their_own(clinic: Clinic, url: str) -> None:
    composing = composer(clinic, url)
    assert composing.encodes_pieces
    for token in (TOKEN, "u" * 32):
        message = composing.compose(replace(recipient(), tokens=LinkTokens(leave=token)))
        mail = parse(message.raw)
        link = f"{url}/u/{token}"
        assert mail["List-Unsubscribe"].split() == [
            f"<{link}>,",
            f"<{MAILTO}%20{token}>",
        ]  # the page first (RFC 8058 3.1)
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert f'href="{link}"' in part_text(mail, "html")
        assert link in part_text(mail, "plain")
        assert all(len(line) <= 998 for line in message.raw.split(b"\r\n"))


def test_without_a_page_the_mail_that_leaves_names_the_reader(clinic: Clinic) -> None:
    composing = composer(clinic, None)
    for token in (TOKEN, "u" * 32):
        message = composing.compose(replace(recipient(), tokens=LinkTokens(leave=token)))
        mail = parse(message.raw)
        assert mail["List-Unsubscribe"] == f"<{MAILTO}%20{token}>"
        assert mail["List-Unsubscribe-Post"] is None
        assert f'href="{MAILTO}%20{token}"' in part_text(mail, "html")
        assert all(len(line) <= 998 for line in message.raw.split(b"\r\n"))


def test_previews_have_links_that_lead_nowhere(clinic: Clinic) -> None:
    mail = parse(composer(clinic, "https://p.example").compose(recipient()).raw)
    assert "<https://p.example/u/preview>" in mail["List-Unsubscribe"]


@pytest.mark.parametrize("url", ["https://p.example", LONG])
def test_a_link_alone_is_a_way_out_and_a_mail_without_one_stays(clinic: Clinic, url: str) -> None:
    clinic.write("templates/emails/partials/footer.mjml", FOOTER.replace(" or reply STOP", ""))
    composer(clinic, url).compose(replace(recipient(), tokens=LinkTokens(leave=TOKEN)))
    clinic.write(
        "templates/emails/partials/footer.mjml", FOOTER.replace("{{ links.unsubscribe }}", url).replace("STOP", "")
    )
    with pytest.raises(RenderError, match="no way out"):
        composer(clinic, url).compose(replace(recipient(), tokens=LinkTokens(leave=TOKEN)))


def test_templates_do_not_see_the_key(clinic: Clinic) -> None:
    clinic.template("{{ pages.key }}")
    with pytest.raises(ComposeError, match="undefined variable"):
        composer(clinic, "https://p.example")
