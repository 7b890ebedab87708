"""DKIM: what others verify (dkimpy, opendkim), what breaks a signature, and the vectors of RFC 8463."""

import base64
import re
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nurture.composing.dkim import SIGNED_FIELDS, Signer, relaxed_fields
from nurture.composing.dkim_keys import DnsRecord, SigningKey, new_keys, parse_private_key, read_key
from nurture.composing.message import Composer
from nurture.errors import RenderError, SecretError
from nurture.workspace.settings import Dkim, Sender
from tests.composing.clinic import Clinic, item, make_clinic, recipient

AT = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)
DOMAIN = "clinic.example"
HEAD = b"""\
Date: Thu, 29 Feb 2024 12:00:00 +0000
From: "Clinic, Example" <hello@clinic.example>
To: =?utf-8?b?Wm/DqyBMZWU=?= <lee@practice.example>
Subject: Knees and hips,
 and what helps
Message-ID:
 <abc@clinic.example>
Reply-To: <desk@clinic.example>
List-Id: <partner-news.clinic.example>
List-Unsubscribe: <https://clinic.example/u/1>,
\t<mailto:desk@clinic.example?subject=STOP>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
Feedback-ID: 20240229:news:newsletter:nurture
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable
""".replace(b"\n", b"\r\n")
BODY = b"Dear Zo=C3=AB,\r\n.\r\n..dots  and  blanks\r\n\r\nYours\r\n"
MAIL = HEAD + b"\r\n" + BODY


@cache
def keys() -> tuple[SigningKey, SigningKey]:
    """RSA and Ed25519; made once, as RSA keys take their time."""
    return new_keys(DOMAIN, "test")


def signed(raw: bytes, *chosen: SigningKey) -> bytes:
    return Signer(chosen or keys()).sign(raw, at=AT) + raw


def verified(mail: bytes, records: Sequence[DnsRecord] = ()) -> list[bool]:
    """What dkimpy says about each signature, from the top."""
    zone = {f"{record.name}.".encode(): record.value.encode() for record in records or [key.record for key in keys()]}
    count = mail.partition(b"\r\n\r\n")[0].count(b"DKIM-Signature:")
    results = []
    for index in range(count):
        try:
            results.append(dkim.DKIM(mail).verify(index, dnsfunc=lambda name, timeout=5: zone[name]))
        except dkim.DKIMException:
            results.append(False)
    return results


def tags(field: bytes) -> dict[str, str]:
    """The tags of the first signature in ``field``, without the blanks that folding brought."""
    value = re.sub(rb"\s", b"", field.split(b"DKIM-Signature:")[1]).decode()
    return dict(tag.split("=", 1) for tag in value.split(";"))


class TestSignatures:
    def test_dkimpy_verifies_each_algorithm_and_both(self) -> None:
        by_rsa, by_ed25519 = keys()
        assert verified(signed(MAIL, by_rsa)) == [True]
        assert verified(signed(MAIL, by_ed25519)) == [True]
        assert verified(signed(MAIL, by_ed25519, by_rsa)) == [True, True]

    def test_the_rsa_signature_stands_first(self) -> None:
        field = Signer(keys()[::-1]).sign(MAIL, at=AT)
        assert re.findall(rb" a=([a-z0-9-]+);", field) == [b"rsa-sha256", b"ed25519-sha256"]

    def test_what_a_signature_says(self) -> None:
        field = Signer(keys()[:1]).sign(MAIL, at=AT)
        found = tags(field)
        assert found.keys() == {"v", "a", "c", "d", "s", "h", "t", "bh", "b"}, "no l=: others could add to the mail"
        assert (found["v"], found["c"], found["d"], found["s"]) == ("1", "relaxed/simple", DOMAIN, "test-rsa")
        assert found["t"] == str(int(AT.timestamp()))
        assert sorted(found["h"].split(":")) == sorted(
            [name.decode() for name, _ in relaxed_fields(HEAD[:-2])] + ["from"]
        )
        assert field.endswith(b"\r\n")
        assert all(len(line) <= 78 for line in field.split(b"\r\n"))

    def test_equal_arguments_give_equal_bytes(self) -> None:
        again = Signer([SigningKey(key.domain, key.selector, parse_private_key(key.pem)) for key in keys()])
        assert again.sign(MAIL, at=AT) == Signer(keys()).sign(MAIL, at=AT)

    def test_without_keys_nothing_is_added(self) -> None:
        assert Signer([]).sign(MAIL, at=AT) == b""

    def test_long_names_fit_their_line(self) -> None:
        key = SigningKey(f"{'d' * 60}.{'e' * 60}.example", "s" * 63, keys()[1].private)
        mail = signed(MAIL, key)
        assert verified(mail, [key.record]) == [True]

    @pytest.mark.parametrize(
        ("raw", "words"),
        [
            (HEAD.replace(b"From:", b"Sender:") + b"\r\n" + BODY, "it has no From"),
            (HEAD, "no empty line"),
            (b"no field\r\n" + MAIL, "is no field"),
            (b"\r\n\r\n" + MAIL, "is no field"),
            (HEAD + "\r\nZoë\r\n".encode(), "8-bit"),
        ],
    )
    def test_what_cannot_be_signed(self, raw: bytes, words: str) -> None:
        with pytest.raises(RenderError, match=words):
            Signer(keys()).sign(raw, at=AT)

    def test_a_time_without_zone_is_refused(self) -> None:
        with pytest.raises(ValueError, match="zone"):
            Signer(keys()).sign(MAIL, at=datetime(2024, 2, 29))


class TestChanges:
    """Whoever changes a signed mail on its way breaks both signatures."""

    def test_no_byte_of_the_body_can_change(self) -> None:
        mail = signed(MAIL, keys()[1])
        for position in range(mail.index(BODY), len(mail)):
            assert verified(flipped(mail, position)) == [False], f"{mail[position:]!r}"

    def test_no_byte_of_a_signed_field_can_change(self) -> None:
        mail = signed(MAIL, keys()[1])
        start = mail.index(HEAD)
        for position in range(start, start + len(HEAD)):
            if mail[position] not in b" \t\r\n":  # the relaxed form lets servers fold anew
                assert verified(flipped(mail, position)) == [False], f"{mail[position:]!r}"

    @pytest.mark.parametrize(
        "change", [(b"lee@", b"eve@"), (b"..dots", b".dots"), (b"One-Click", b"None"), (b"Yours\r\n", b"")]
    )
    def test_both_signatures_break(self, change: tuple[bytes, bytes]) -> None:
        mail = signed(MAIL)
        assert mail.count(change[0]) == 1
        assert verified(mail.replace(*change)) == [False, False]

    @pytest.mark.parametrize("place", [b"DKIM-Signature: v=1; a=rsa", b"Date: ", b"Subject: ", b"\r\n" + BODY])
    def test_a_second_from_breaks_them(self, place: bytes) -> None:
        mail = signed(MAIL)
        assert mail.count(place) == 1
        assert verified(mail.replace(place, b"From: <eve@evil.example>\r\n" + place)) == [False, False]

    def test_servers_may_fold_and_add_fields(self) -> None:
        mail = signed(MAIL).replace(b"Knees and hips,\r\n and", b"Knees and\r\n\thips, and")
        assert verified(b"Received: from here\r\n" + mail) == [True, True]


def flipped(mail: bytes, position: int) -> bytes:
    other = b"y" if mail[position] in b"xX" else b"x"
    return mail[:position] + other + mail[position + 1 :]


PIECE = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
VALUE = st.lists(
    st.one_of(PIECE, st.sampled_from([" ", "  ", "\t", " \t ", "\r\n ", "\r\n\t", "\r\n   "])), max_size=8
).map("".join)
NAMES = [name.decode() for name in sorted(SIGNED_FIELDS - {b"from"})]
NAME = st.sampled_from([*NAMES, *(name.title() for name in NAMES), "X-Other", "Content-Language", "Received"])
FIELDS = st.lists(st.tuples(NAME, VALUE), max_size=12)
LINE = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90),
    st.sampled_from(["", ".", "..", ". ", "a ", "a\t", " ", "\t", "-- ", "x" * 998, "DKIM-Signature: v=1; b=x"]),
)
BODIES = st.tuples(st.lists(LINE, max_size=8).map("\r\n".join), st.sampled_from(["", "\r\n", "\r\n\r\n\r\n"]))


class TestOracle:
    """Whatever a mail looks like, dkimpy reads it as we do."""

    @given(FIELDS, FIELDS, VALUE, BODIES)
    @example([("Subject", " a"), ("Subject", " b")], [("To", ""), ("to", "\r\n ")], " x", ("", ""))
    @example([], [], "", ("", "\r\n"))
    @settings(deadline=None)
    def test_any_header_and_body(
        self, before: list[tuple[str, str]], after: list[tuple[str, str]], sender: str, body: tuple[str, str]
    ) -> None:
        fields = [*before, ("From", sender), *after]
        head = "".join(f"{name}:{value}\r\n" for name, value in fields)
        raw = f"{head}\r\n{''.join(body)}".encode()
        assert verified(signed(raw, keys()[1])) == [True]

    def test_a_composed_mail_with_images(self, clinic: Clinic) -> None:
        mail = signed(clinic.compose({"first_name": "Zoë", "last_name": "Lee"}, (item(),)).raw)
        assert verified(mail) == [True, True]

    @pytest.mark.skipif(shutil.which("opendkim") is None, reason="no opendkim: apt-get install opendkim")
    @pytest.mark.parametrize(("change", "words"), [(b"", "dkim=pass"), (b"changed\r\n", "dkim=fail")])
    def test_opendkim_agrees(self, clinic: Clinic, tmp_path: Path, change: bytes, words: str) -> None:
        raw = clinic.compose({"first_name": "Zoë", "last_name": "Lee"}).raw
        (tmp_path / "mail").write_bytes(signed(raw) + change)
        zone = "".join(f"{key.record.name} {key.record.value}\n" for key in keys())
        (tmp_path / "zone").write_text(zone)
        (tmp_path / "configuration").write_text(f"TestDNSData file:{tmp_path}/zone\n")
        command = ["opendkim", "-x", tmp_path / "configuration", "-v", "-v", "-t", tmp_path / "mail"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.count(words) == 2, done.stdout + done.stderr


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    return make_clinic(tmp_path_factory.mktemp("clinic")).composer((item(),))


@given(words=st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=200))
@example(words="a \t")
@example(words=".\r\n..\r \n")
@example(words="word " * 40)
@settings(deadline=None)
def test_composed_mails_fit_simple_canonicalization(composer: Composer, words: str) -> None:
    """Nothing that servers on the way change: CRLF only, no blanks at line ends, 7-bit, one line end at the end."""
    person = {"first_name": "Zoë", "last_name": words, "organization": {"name": f"{words} "}}
    raw = composer.compose(recipient(person, (item(),))).raw
    body = raw.partition(b"\r\n\r\n")[2]
    assert body.isascii()
    assert b"\0" not in body
    assert not re.search(rb"[ \t]\r\n|\r(?!\n)|(?<!\r)\n", body)
    assert body.endswith(b"--\r\n")
    assert max(map(len, body.split(b"\r\n"))) <= 998


# RFC 8463 appendix A.2 and A.3
RFC_SEED = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
RFC_PUBLIC = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
RFC_SIGNATURE = "/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw=="
RFC_FIELD = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b="""
RFC_HEAD = b"""\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>"""


def test_the_vector_of_rfc_8463() -> None:
    key = SigningKey("football.example.com", "brisbane", parse_private_key(RFC_SEED))
    assert key.record == DnsRecord("brisbane._domainkey.football.example.com", f"v=DKIM1; k=ed25519; p={RFC_PUBLIC}")
    fields = dict(relaxed_fields(RFC_HEAD.replace(b"\n", b"\r\n")))
    wanted = [fields[name] for name in (b"from", b"to", b"subject", b"date", b"message-id")]
    ((_, own),) = relaxed_fields(RFC_FIELD.replace(b"\n", b"\r\n"))
    signature = key.sign(b"".join([*wanted, own.removesuffix(b"\r\n")]))
    assert base64.b64encode(signature).decode() == RFC_SIGNATURE


class TestKeys:
    def test_records_come_in_strings_of_255(self) -> None:
        record = keys()[0].record
        assert record.name == "test-rsa._domainkey.clinic.example"
        assert [len(string) for string in record.strings] == [255, len(record.value) - 255]
        assert "".join(record.strings) == record.value
        assert record.zone_line.startswith('test-rsa._domainkey.clinic.example. IN TXT ( "v=DKIM1; k=rsa; p=MII')

    def test_keys_on_one_line(self) -> None:
        """As an environment variable that cannot hold lines."""
        for key in keys():
            inner = "".join(key.pem.splitlines()[1:-1])
            assert SigningKey(DOMAIN, "x", parse_private_key(inner)).record.value == key.record.value

    def test_keys_show_nothing_of_themselves(self) -> None:
        assert "PRIVATE" not in repr(Signer(keys()).keys)
        assert "0x" not in repr(keys()[0])

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("hello", "no private key in PEM"),
            ("-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----", "no private key in PEM"),
            ("Zoë" * 20, "no private key in PEM"),
        ],
    )
    def test_what_is_no_key(self, text: str, words: str) -> None:
        with pytest.raises(ValueError, match=words) as caught:
            parse_private_key(text)
        assert text[:5] not in str(caught.value)

    def test_keys_of_no_use(self) -> None:
        no_encryption = serialization.NoEncryption()
        weak = rsa.generate_private_key(65537, 1024)  # what RFC 8301 forbids
        with pytest.raises(ValueError, match="has 1024 bits, and 2048 to 4096"):
            parse_private_key(pem(weak, no_encryption))
        with pytest.raises(ValueError, match="neither an RSA nor an Ed25519"):
            parse_private_key(pem(ec.generate_private_key(ec.SECP256R1()), no_encryption))
        with pytest.raises(ValueError, match="passphrase"):
            parse_private_key(pem(keys()[1].private, serialization.BestAvailableEncryption(b"secret")))

    def test_the_key_of_a_sender(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        by_rsa, by_ed25519 = keys()
        (tmp_path / "key.pem").write_text(by_rsa.pem)
        (tmp_path / "key.pem").chmod(0o600)
        monkeypatch.setenv("NURTURE_DKIM_KEY", by_ed25519.pem)
        sender = Sender.model_validate(
            {
                "name": "Clinic",
                "address": "hello@News.Clinic.example",
                "dkim": [
                    {"selector": "two", "key": "env:NURTURE_DKIM_KEY", "domain": "Clinic.example"},
                    {"selector": "one", "key": "file:key.pem"},
                ],
            }
        )
        signer = Signer.from_settings(sender, root=tmp_path)
        assert [(key.selector, key.domain) for key in signer.keys] == [("one", "news.clinic.example"), ("two", DOMAIN)]
        assert verified(signer.sign(MAIL, at=AT) + MAIL, [key.record for key in signer.keys]) == [True, True]

        (tmp_path / "key.pem").chmod(0o640)
        with pytest.raises(SecretError, match="can be read by others"):
            Signer.from_settings(sender, root=tmp_path)

    def test_a_file_that_is_no_key(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_bytes(b"\xff\xfe\x00key")
        (tmp_path / "key").chmod(0o600)
        setting = Dkim.model_validate({"selector": "one", "key": "file:key"})
        with pytest.raises(SecretError, match="is no text"):
            read_key(setting, from_address="a@clinic.example", root=tmp_path)
        (tmp_path / "key").write_text("hello")
        with pytest.raises(SecretError, match="the file key cannot be used for DKIM: it holds no private key"):
            read_key(setting, from_address="a@clinic.example", root=tmp_path)


def pem(key: object, encryption: serialization.KeySerializationEncryption) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()  # type: ignore[attr-defined]
