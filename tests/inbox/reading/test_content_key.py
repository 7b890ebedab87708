"""The key by which a mail is known again: the same wherever it lies, another for another mail."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from nurture.inbox.raw_mail import RawMail, content_key
from nurture.store.inbound import FolderPosition

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
INBOX = FolderPosition("hello", "INBOX", 7, 1, NOW)
RAW = b"Message-ID: <1@a.example>\r\nDate: Tue, 1 Dec 2026 12:00:00 +0000\r\nFrom: a@a.example\r\nSubject: Re:\r\n a\r\n\r\nYes.\r\n"
MAIL = RawMail(RAW, NOW, uid=1)


def key(mail: RawMail, position: FolderPosition = INBOX) -> str:
    return content_key(mail, position)


def test_the_same_in_another_folder_under_another_number_and_from_a_maildir():
    assert key(MAIL) == key(replace(MAIL, uid=99), replace(INBOX, folder="Junk", uid_validity=8))
    assert key(MAIL) == key(replace(MAIL, octets=RAW.replace(b"\r\n", b"\n"), uid=0, file_name="1.a"))


def test_the_same_with_what_servers_add_on_the_way_into_a_folder():
    traced = b"Return-Path: <a@a.example>\r\nReceived: from x\r\n by y\r\nX-Spam: yes\r\n" + RAW + b"\r\n"
    assert key(MAIL) == key(replace(MAIL, octets=traced))


def test_the_same_whether_a_big_mail_was_fetched_whole_or_in_part():
    big = RAW + b"0123456789\r\n" * 20_000
    assert key(replace(MAIL, octets=big)) == key(replace(MAIL, octets=big[:150_000], cut=True))


def test_another_for_other_words_or_another_message_id():
    others = [RAW.replace(b"Yes.", b"No."), RAW.replace(b"<1@", b"<2@"), RAW.replace(b"Subject: Re:", b"Subject: Fwd:")]
    assert len({key(replace(MAIL, octets=octets)) for octets in [RAW, *others]}) == 4


def test_mails_of_which_nothing_can_be_read_are_told_apart_by_their_place():
    broken = RawMail(b"", NOW, uid=1, unreadable="NO")
    assert key(broken) == key(broken)
    assert len({key(broken), key(replace(broken, uid=2)), key(broken, replace(INBOX, folder="Junk"))}) == 3


@given(st.binary(max_size=300))
def test_any_octets_have_a_key(octets):
    assert len(key(replace(MAIL, octets=octets))) == 64
