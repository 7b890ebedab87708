"""Settings of what is noted of readers: whether they read a mail, what they write."""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from nurture.workspace.fields import Duration, Model


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError("write a network such as `203.0.113.7` or `203.0.113.0/24`") from error


Network = Annotated[
    str,
    AfterValidator(_network),
    WithJsonSchema({"type": "string", "title": "network", "examples": ["203.0.113.7"]}),
]


class PatientTracking(StrEnum):
    """What mails to past patients tell when they are read."""

    NONE = "none"  # nothing
    EDITION = "edition"  # one pixel that all of them share: how many opened it, not who
    PERSON = "person"  # as with partners, for those who said yes (`may_track`); the others as `edition`


class Privacy(Model):
    """What may be noted of readers, and for how long. Opens and clicks are counted only with `public_url`."""

    track: bool = Field(
        True,
        description="Opens and clicks of partners are counted. A campaign may say otherwise. In the EEA and the UK "
        "only with `may_track` of the contact.",
    )
    track_patients: PatientTracking = Field(
        PatientTracking.NONE,
        description="Mails to past patients: `none`; `edition`, one pixel that all of them share; `person`, as with "
        "partners for those who said yes (`may_track`), the others as `edition`.",
    )
    own_networks: tuple[Network, ...] = Field(
        (), max_length=20, description="The clinic's own internet addresses: whoever opens a mail there is no reader."
    )
    visit_details: Duration = Field(
        timedelta(days=30),
        ge=timedelta(days=1),
        description="After this time the network and the program of a visit are deleted; that it was counted stays.",
    )
    reply_text: Duration = Field(
        timedelta(days=365),
        ge=timedelta(days=1),
        description="After this time what somebody wrote is deleted; when it came and was answered stays.",
    )
