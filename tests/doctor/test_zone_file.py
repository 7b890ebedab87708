"""A zone file in the place of the DNS."""

import pytest

from nurture.doctor.answers import Found
from nurture.errors import InputError

REAL = """\
$ORIGIN clinic.example.
$TTL 1h
@ IN SOA ns1 hostmaster 1 7200 3600 1209600 3600
  IN NS ns1
  IN MX 10 mx
ns1 A 192.0.2.53
mx A 192.0.2.25
*.shop A 192.0.2.80
open.shop TXT "hello"
www CNAME mx
spring._domainkey IN TXT ( "v=DKIM1; k=rsa; "
                           "p=abc" ) ; a comment
"""


def test_a_zone_as_providers_export_it(zone):
    ask = zone(REAL)
    assert ask("clinic.example", "MX").records == ("10 mx.clinic.example",)
    assert ask("spring._domainkey.clinic.example", "TXT").records == ("v=DKIM1; k=rsa; p=abc",)
    assert ask("www.clinic.example", "A").records == ("192.0.2.25",)
    assert ask("any.shop.clinic.example", "A").records == ("192.0.2.80",)
    assert ask("open.shop.clinic.example", "A").found is Found.NO_RECORDS
    assert ask("_domainkey.clinic.example", "TXT").found is Found.NO_RECORDS
    assert ask("_dmarc.clinic.example", "TXT").found is Found.NO_NAME
    assert ask("_dmarc.example", "TXT").found is Found.NO_NAME, "the tree walk asks above, and finds nothing"
    assert ask("_spf.google.com", "TXT").found is Found.FAILED, "the file cannot know"


def test_lines_without_ttl_class_or_soa(zone):
    ask = zone('clinic.example. TXT "one"', "mx.clinic.example. A 192.0.2.1")
    assert ask("clinic.example", "TXT").records == ("one",)
    assert ask("clinic.example", "MX").found is Found.NO_RECORDS
    assert ask("_dmarc.clinic.example", "TXT").found is Found.NO_NAME


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("clinic.example. A 192.0.2.300", "clinic.zone:[23]"),
        ("$INCLUDE /etc/passwd", "clinic.zone:[23]"),
        ("clinic.example. SPLAT x", "clinic.zone:[23]"),
        ("clinic.example. TXT \"open", "clinic.zone:[23]"),
    ],
)  # fmt: skip
def test_a_broken_file_is_told_by_its_line(zone, line, words):
    with pytest.raises(InputError, match=words):
        zone("clinic.example. A 192.0.2.1", line)


def test_a_file_that_is_not_there_or_no_text(tmp_path):
    from nurture.doctor.zone_file import zone_file_question

    with pytest.raises(InputError, match="cannot be read: No such file"):
        zone_file_question(tmp_path / "none.zone")
    (tmp_path / "binary.zone").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="no text"):
        zone_file_question(tmp_path / "binary.zone")
    with pytest.raises(InputError):
        zone_file_question(tmp_path)
