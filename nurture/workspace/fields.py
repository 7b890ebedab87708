"""The kinds of values that stand in the clinic's files: lines, addresses, durations, hours, secrets."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import StrEnum
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from nurture.address import AddressError, clean_text, control_characters, parse_address
from nurture.workspace.dates import RelativeDate, parse_period
from nurture.workspace.durations import parse_duration
from nurture.workspace.hours import OpeningHours, parse_opening_hours
from nurture.workspace.secrets import SecretReference


class Model(BaseModel):
    """Base of all models: unknown keys are errors, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=False, arbitrary_types_allowed=True, populate_by_name=True
    )


class TlsMode(StrEnum):
    """How the connection to a mail server is protected (RFC 8314)."""

    IMPLICIT = "implicit"  # TLS from the first byte: port 465 for sending, 993 for reading
    STARTTLS = "starttls"  # upgraded and required: port 587 for sending, 143 for reading
    NONE = "none"  # in clear; only for a server on this machine


def _one_line(text: str) -> str:
    if control_characters(text):
        raise ValueError("must be one line without control characters")
    return clean_text(text)


def _lines(text: str) -> str:
    return "\n".join(_one_line(line) for line in text.splitlines()).strip()


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {text!r}; use an IANA name such as America/New_York") from error
    return text


def _address(text: str) -> str:
    try:
        return parse_address(text).text
    except AddressError as error:
        raise ValueError(str(error)) from error


def _domain(text: str) -> str:
    try:
        return parse_address(f"postmaster@{text}").domain
    except AddressError as error:
        raise ValueError("write a domain, for example `clinic.example`") from error


def _selector(text: str) -> str:
    # RFC 6376 3.1: labels of a domain name
    if len(text) > 63 or not all(_LABEL.fullmatch(label) for label in text.split(".")):
        raise ValueError("write a selector of letters, digits and `-`, at most 63, for example `nurture-2026`")
    return text


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _kind(title: str, **more: object) -> WithJsonSchema:
    """How a text of this kind is described to editors and in the reference; ``more`` is JSON Schema."""
    return WithJsonSchema({"type": "string", "title": title, **more})


_SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
_COLOUR = r"^#[0-9a-fA-F]{6}$"
_COUNTRY = r"^[A-Z]{2}$"
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?")
Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(_one_line)]
Lines = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_lines)]
Zone = Annotated[str, AfterValidator(_zone), _kind("time zone", examples=["America/New_York"])]
MailAddress = Annotated[str, AfterValidator(_address), _kind("mail address", examples=["hello@clinic.example"])]
Domain = Annotated[str, AfterValidator(_domain), _kind("domain", examples=["clinic.example"])]
Selector = Annotated[str, AfterValidator(_selector), _kind("selector", examples=["nurture-2026"])]
Country = Annotated[str, Field(pattern=_COUNTRY), _kind("country", pattern=_COUNTRY)]
Slug = Annotated[str, Field(pattern=_SLUG), _kind("name", pattern=_SLUG)]
Colour = Annotated[str, Field(pattern=_COLOUR), _kind("colour", pattern=_COLOUR)]
Duration = Annotated[timedelta, BeforeValidator(_duration), _kind("duration", examples=["3 days"])]
Period = Annotated[RelativeDate, BeforeValidator(parse_period), _kind("period", examples=["6 months"])]
Hours = Annotated[
    OpeningHours,
    BeforeValidator(parse_opening_hours),
    WithJsonSchema(
        {
            "type": "object",
            "title": "opening hours",
            "additionalProperties": {"type": "string"},
            "examples": [{"mon-fri": "08:00-18:00"}],
        }
    ),
]
Secret = Annotated[
    SecretReference, BeforeValidator(SecretReference.parse), _kind("secret", examples=["env:SMTP_PASSWORD"])
]
