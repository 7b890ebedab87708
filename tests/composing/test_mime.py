"""Quoted-printable: both ways of encoding decode to the same text."""

import binascii
import quopri

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markupsafe import Markup

from nurture.composing.environment import MailEnvironment, refuse_empty
from nurture.composing.mime import (
    ALTERNATIVE,
    RELATED,
    QuotedValues,
    can_encode_constants,
    decode_quoted_printable,
    encode_constants,
    quoted_printable,
)

TEMPLATE = (
    "<p>{{ a }} – {{ b }}</p>\n{% for x in xs %}"
    ".{{ x }}\n{{ html }}{{ a ~ html }}{% else %}none{% endfor %}\n.\n= {{ b | upper }}\n"
)
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00")),
    st.sampled_from(
        [
            ".",
            "=",
            "=3D",
            "From here",
            "a\nb\n.\n",
            "x" * 10_000,
            "é" * 5_000,
            " ",
            "a ",
            "\t",
            "שלום",
            "😀" * 40,
            "{{ 7*7 }}",
            "-" * 76,
            "x" * 73,
            "=\r\n",
        ]
    ),
)


def lines_fit(encoded: str) -> bool:
    return (
        encoded.isascii()
        and all(len(line) <= 76 for line in encoded.split("\r\n"))
        and "\n" not in encoded.replace("\r\n", "")
    )


@given(VALUES, VALUES, st.lists(VALUES, max_size=3))
@example("a\r\nb\rc", "\u2028", ["trailing ", ""])
def test_pieces_and_whole_decode_to_the_same(a: str, b: str, xs: list[str]) -> None:
    values = {"a": a, "b": b, "xs": xs, "html": Markup("<i>ü=</i>")}
    whole = MailEnvironment(html=True).from_string(TEMPLATE).render(values)
    environment = MailEnvironment(html=True, finalize=QuotedValues(refuse_empty))
    tree = environment.parse(TEMPLATE)
    assert can_encode_constants(tree)
    template = environment.from_string(encode_constants(tree))
    for _ in range(2):  # the second time from the memo
        pieces = template.render(values)
        assert lines_fit(pieces)
        assert lines_fit(quoted_printable(whole))
        wanted = whole.replace("\r\n", "\n").replace("\r", "\n")
        assert decode_quoted_printable(pieces.encode()) == wanted
        assert decode_quoted_printable(quoted_printable(whole).encode()) == wanted
        # an independent decoder
        assert quopri.decodestring(pieces.encode()).decode().replace("\r\n", "\n") == wanted


@pytest.mark.parametrize(
    "source",
    [
        "{% set x %}a{% endset %}{{ x }}",
        "{% macro m() %}a{% endmacro %}{{ m() }}",
        "{% filter upper %}a{% endfilter %}",
        "{% macro m() %}{{ caller() }}{% endmacro %}{% call m() %}a{% endcall %}",
        "{% for x in xs recursive %}{{ loop(x) }}{% endfor %}",
        "{% autoescape false %}a{% endautoescape %}",
    ],
)
def test_what_captures_output_is_encoded_whole(source: str) -> None:
    assert not can_encode_constants(MailEnvironment(html=True).parse(source))


@given(st.binary(max_size=200))
def test_boundaries_cannot_be_in_a_body(data: bytes) -> None:
    for body in (binascii.b2a_qp(data), binascii.b2a_base64(data)):
        assert ALTERNATIVE.encode() not in body
        assert RELATED.encode() not in body


def test_lone_surrogates_become_question_marks() -> None:
    assert quoted_printable("a\ud800b") == "a?b"
