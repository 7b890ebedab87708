"""Whole mails: the standard library reads back what was meant, and nothing else."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nurture.composing.edition import EditionContent
from nurture.composing.message import Composer
from nurture.errors import ComposeError, RenderError
from nurture.vocabulary import Category
from tests.composing.clinic import FOOTER, LETTER, NOW, PNG, Clinic, item, parse, part_text, recipient

LEE = {"title": "Dr.", "first_name": "Zoë", "last_name": "Lee", "organization": {"name": "Praxis & Partner"}}
HEADER_ORDER = [
    *("Date", "From", "To", "Subject", "Message-ID", "Reply-To", "List-Id", "List-Unsubscribe", "Feedback-ID"),
    *("Content-Language", "MIME-Version", "Content-Type"),
]


def test_a_mail_reads_back_as_it_was_meant(clinic: Clinic) -> None:
    news = (item(),)
    message = clinic.compose(LEE, news)
    read = parse(message.raw)
    assert read.keys() == HEADER_ORDER
    assert read["Subject"] == message.subject == "Knees & hips for Dr. Lee"
    assert read["From"].addresses[0].display_name == "Clinic, Example"
    assert read["From"].addresses[0].addr_spec == message.envelope_from == "hello@clinic.example"
    assert read["To"].addresses[0].display_name == "Zoë Lee"
    assert read["To"].addresses[0].addr_spec == message.envelope_to == "lee@practice.example"
    assert read["Reply-To"] == "desk+mail@clinic.example"
    assert read["Message-ID"] == "<abc@clinic.example>"
    assert parsedate_to_datetime(read["Date"]) == NOW
    assert read["List-Id"] == "<partner-news.clinic.example>"
    assert read["List-Unsubscribe"] == "<mailto:desk+mail@clinic.example?subject=STOP>"
    assert read["Feedback-ID"] == "2026-12-01T0930:news:newsletter:nurture"
    assert "Auto-Submitted" not in read
    kinds = [part.get_content_type() for part in read.walk()]
    assert kinds == ["multipart/related", "multipart/alternative", "text/plain", "text/html", "image/png"]
    html, text = part_text(read, "html"), part_text(read, "plain")
    assert html == message.html
    assert text == message.text
    assert "<em" in html
    assert ">Knees &amp; hips</h2>" in html
    assert 'href="https://clinic.example/knee?a=1&amp;b=2"' in html
    assert "Walk more: https://x.example/?a=1&b=2" in text
    assert "Read Knees & hips <https://clinic.example/knee?a=1&b=2>" in text
    assert "Praxis &amp; Partner" in html
    assert "Praxis & Partner" in text


def test_the_wire_form(clinic: Clinic) -> None:
    raw = clinic.compose(LEE, (item(),)).raw
    assert raw.endswith(b"--\r\n")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert raw.isascii()
    head, _, body = raw.partition(b"\r\n\r\n")
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))
    assert all(len(line) <= 76 for line in body.split(b"\r\n") if not line.startswith((b"Content-", b" boundary")))


def test_the_same_inputs_give_the_same_bytes(clinic: Clinic) -> None:
    news = (item(),)
    content = clinic.edition(news)
    again = EditionContent.from_json(content.to_json())
    first = Composer(content)
    one = first.compose(recipient(LEE, news)).raw
    first.compose(recipient({"first_name": "Other"}, news))
    assert first.compose(recipient(LEE, news)).raw == one
    assert Composer(again).compose(recipient(LEE, news)).raw == one
    assert clinic.edition(news).to_json() == content.to_json()


def test_pieces_and_whole_bodies_are_the_same_mail(clinic: Clinic) -> None:
    news = (item(), item("hip", title="Hip=.\n.dot"))
    pieces = clinic.composer(news)
    assert pieces.encodes_pieces
    # an unused macro forces the body to be encoded whole
    clinic.write("templates/emails/letter.mjml", LETTER.replace("<mj-body>", "<mj-body>{% macro m() %}{% endmacro %}"))
    whole = clinic.composer(news)
    assert not whole.encodes_pieces
    reader = recipient(LEE, news)
    one, other = pieces.compose(reader), whole.compose(reader)
    without_blanks = re.compile(r">\s+<")
    assert without_blanks.sub("><", one.html) == without_blanks.sub("><", other.html)
    assert one.text == other.text
    assert parse(one.raw).keys() == parse(other.raw).keys()


def test_each_category_reads_its_own_words(clinic: Clinic) -> None:
    news = (item(),)
    composer = clinic.composer(news)
    physician = composer.compose(recipient(LEE, news))
    patient = composer.compose(recipient(LEE, news, variant=Category.PAST_PATIENT))
    assert "Knees & hips" in physician.subject
    assert "Your knees" in patient.subject
    assert "For you." in patient.text


def test_images_travel_only_where_they_are_shown(clinic: Clinic) -> None:
    clinic.write("knee.png", PNG)
    news = (item(image=replace(item().image, path="knee.png")), item("plain", image=None))
    composer = clinic.composer(news)
    count = lambda ids: composer.compose(recipient(LEE, ids)).raw.count(b"Content-ID:")  # noqa: E731
    assert count(news) == 2
    assert count(news[1:]) == 1
    message = composer.compose(recipient(LEE, news))
    read = parse(message.raw)
    ids = {part["Content-ID"].strip("<>") for part in read.walk() if part.get_content_maintype() == "image"}
    assert set(re.findall(r'src="cid:([^"]+)"', message.html)) == ids
    assert all(part.get_content() == PNG for part in read.walk() if part.get_content_maintype() == "image")
    browser = composer.browser_html(message)
    assert "cid:" not in browser
    assert browser.count("data:image/png;base64,") == 2


def test_only_an_address_is_enough(clinic: Clinic) -> None:
    message = clinic.compose()
    assert message.subject == "News for there"
    assert "your practice" in message.text
    assert "None" not in message.text
    assert parse(message.raw)["To"] == "lee@practice.example"


NAMES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "{{ 7*7 }}",
            "{% for x in y %}",
            "x\r\nBcc: evil@x.example",
            "a\nb",
            "\u2028Bcc: x\u2029",
            "\x00\x0b\x85",
            ".",
            "=",
            "😀" * 30,
            "\u202eabc",
            "שלום",
            "x" * 10_000,
            "<script>alert(1)</script>",
            "=?utf-8?q?x?=",
            "-" * 76,
            "\ud800",
        ]
    ),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(first=NAMES, last=NAMES, organization=NAMES, title=NAMES)
def test_no_value_changes_the_shape_of_a_mail(
    hostile_composer: Composer, first: str, last: str, organization: str, title: str
) -> None:
    news = (item(),)
    person = {"first_name": first, "last_name": last, "title": title, "organization": {"name": organization}}
    reader = recipient(person, news)
    message = hostile_composer.compose(reader)
    read = parse(message.raw)
    assert read.keys() == HEADER_ORDER
    assert len(read["To"].addresses) == 1
    assert read["To"].addresses[0].addr_spec == "lee@practice.example"
    assert len(list(read.walk())) == 5
    assert part_text(read, "html") == message.html
    assert part_text(read, "plain").encode("utf-8", "replace") == message.text.encode("utf-8", "replace")
    assert all(len(line) <= 998 for line in message.raw.split(b"\r\n"))
    assert "<script" not in message.html


@pytest.fixture(scope="module")
def hostile_composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    from tests.composing.clinic import make_clinic

    return make_clinic(tmp_path_factory.mktemp("clinic")).composer((item(),))


def test_data_that_looks_like_a_template_comes_out_as_it_is(clinic: Clinic) -> None:
    hostile = "{{ 7*7 }}{% if x %}"
    message = clinic.compose({"last_name": hostile, "organization": {"name": hostile}}, (item(title=hostile),))
    for part in (message.text, message.html, message.subject):
        assert hostile in part
        assert "49" not in part


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{{ clinic.address.line }}", "", "the postal address (street) (15 USC 7704(a)(5)(A)) is not in the text part"),
        ("{{ clinic.phone }}", "", "the phone number is not in the HTML part"),
        ("or reply STOP", "", ""),
        (
            '<a href="{{ links.unsubscribe }}">Leave</a> or reply STOP',
            "",
            "the text part has no way out (15 USC 7704(a)(5)(A))",
        ),
        (
            FOOTER,
            "{% if contact.vip is defined %}" + FOOTER + "{% endif %}",
            "the HTML part has no way out (15 USC 7704(a)(5)(A))",
        ),
    ],
)
def test_a_mail_without_what_it_needs_does_not_leave(clinic: Clinic, old: str, new: str, words: str) -> None:
    assert old in FOOTER
    clinic.write("templates/emails/partials/footer.mjml", FOOTER.replace(old, new))
    if not words:
        clinic.compose(LEE)
        return
    with pytest.raises(RenderError) as caught:
        clinic.compose(LEE)
    assert any(words in problem.message for problem in caught.value.problems)


def test_conditional_values_are_looked_for_in_each_mail(clinic: Clinic) -> None:
    # the footer is shown only to Lee: the gate must notice for everybody else
    clinic.write(
        "templates/emails/partials/footer.mjml", "{% if contact.last_name is defined %}" + FOOTER + "{% endif %}"
    )
    composer = clinic.composer()
    assert composer.compose(recipient(LEE))
    with pytest.raises(RenderError, match="phone number"):
        composer.compose(recipient({"first_name": "Maria"}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"message_id": "<abc@elsewhere.example>"}, "under the From domain"),
        ({"address": "x@y.example\r\nBcc: z@y.example"}, "no mail address"),
        ({"news_ids": ("file:gone",)}, "no news item 'file:gone'"),
    ],
)
def test_a_recipient_that_does_not_fit(clinic: Clinic, change: dict[str, object], words: str) -> None:
    with pytest.raises(RenderError, match=re.escape(words)):
        clinic.composer().compose(replace(recipient(LEE), **change))


def test_an_address_beyond_ascii_is_sent_as_it_is(clinic: Clinic) -> None:
    message = clinic.composer().compose(recipient(address="zoë@praxis.example"))
    assert "To: <zoë@praxis.example>\r\n".encode() in message.raw


def test_an_edition_of_another_version_is_refused(clinic: Clinic) -> None:
    content = clinic.edition().to_json()
    with pytest.raises(ComposeError, match="another version"):
        EditionContent.from_json({**content, "version": 0})


def test_dates_need_a_zone(clinic: Clinic) -> None:
    with pytest.raises(ValueError, match="zone"):
        clinic.composer().compose(replace(recipient(LEE), date=datetime(2026, 12, 1)))
    assert clinic.composer().compose(replace(recipient(LEE), date=datetime(2026, 12, 1, tzinfo=UTC)))
