"""The address that readers reach: https, but on this machine."""

import pytest
from pydantic import TypeAdapter, ValidationError

from nurture.workspace.public_url import PublicUrl

read = TypeAdapter(PublicUrl).validate_python


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://mail.clinic.example", "https://mail.clinic.example"),
        ("https://mail.clinic.example/", "https://mail.clinic.example"),
        ("https://clinic.example:8443/mail/", "https://clinic.example:8443/mail"),
        ("http://localhost:8058", "http://localhost:8058"),
        ("http://[::1]:8058", "http://[::1]:8058"),
    ],
)
def test_what_is_taken(written: str, kept: str) -> None:
    assert read(written) == kept


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("mail.clinic.example", "write an address such as"),
        ("ftp://mail.clinic.example", "write an address such as"),
        ("https://", "write an address such as"),
        ("https://mail.clinic.example/a b", "write an address such as"),
        ("https://mail.clinic.example/\r\nBcc: x", "write an address such as"),
        ("https://klinik.example/ü", "write an address such as"),
        ("https://x.example/" + "a" * 200, "write an address such as"),
        ("http://mail.clinic.example", "must begin with https://"),
        ("http://127.0.0.1.evil.example", "must begin with https://"),
        ("https://user:word@mail.clinic.example", "must be a plain address"),
        ("https://mail.clinic.example/?a=b", "must be a plain address"),
        ("https://mail.clinic.example/#a", "must be a plain address"),
        ("https://mail.clinic.example:none", "Port could not be cast"),
        ("https://[mail", "Invalid IPv6 URL"),
        ("https://mail.clinic.example/>,<https://evil.example", "write an address such as"),
    ],
)
def test_what_is_refused(written: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        read(written)
