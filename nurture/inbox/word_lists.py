"""Words of many languages and programs, kept as data beside the judges that use them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def read_words(name: str) -> dict[str, Any]:
    """A TOML file of this package; long alternatives are folded there."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return {key: _unfolded(value) for key, value in tomllib.loads(text).items()}


def _unfolded(value: Any) -> Any:  # noqa: ANN401 - whatever TOML holds
    if isinstance(value, str):
        return value.replace("\n", "")
    if isinstance(value, list):
        return [_unfolded(each) for each in value]
    if isinstance(value, dict):
        return {key: _unfolded(each) for key, each in value.items()}
    return value


def any_of(phrases: Iterable[str], *, flags: re.RegexFlag = re.IGNORECASE) -> re.Pattern[str]:
    """A pattern that finds any of ``phrases``, which are patterns themselves; a blank stands for blanks."""
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases), flags)
