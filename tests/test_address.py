"""Text from outside, made fit for one line."""

import re

from hypothesis import given
from hypothesis import strategies as st

from nurture.address import clean_text


@given(st.text() | st.text(" ab", max_size=8))
def test_clean_text_is_one_line_with_single_blanks_and_stays_as_it_is_when_cleaned_again(text: str) -> None:
    clean = clean_text(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", clean)
    assert clean == " ".join(clean.split())
    assert clean_text(clean) == clean
