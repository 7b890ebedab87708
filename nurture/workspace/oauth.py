"""How a sender logs in without a password: the application that the clinic registered (RFC 6749)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from nurture.workspace.fields import Line, Model, Secret
from nurture.workspace.public_url import LOOPBACK

_URL: Final = re.compile(r"[A-Za-z0-9:/.\-_~%\[\]]{1,300}")


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or not _URL.fullmatch(text):
        raise ValueError("write an address such as `https://login.provider.example/token`")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("must begin with https://, because secrets go there (RFC 6749 3.2)")
    if parts.username or parts.password:
        raise ValueError("must be a plain address without a user name")
    _ = parts.port  # a number, or ValueError
    return text


def given_by_preset(*names: str) -> Callable[[dict[str, Any]], None]:
    """For JSON Schema: a preset may give these keys, so that editors do not ask for them."""

    def forget(schema: dict[str, Any]) -> None:
        schema["required"] = [name for name in schema.get("required", ()) if name not in names]

    return forget


Endpoint = Annotated[
    str,
    AfterValidator(_endpoint),
    WithJsonSchema({"type": "string", "title": "endpoint", "examples": ["https://login.provider.example/token"]}),
]


class OAuth(Model):
    """The application that the clinic registered for `nurture login`. A preset gives all but the client."""

    model_config = ConfigDict(json_schema_extra=given_by_preset("authorize_url", "token_url", "scope"))

    client_id: Secret = Field(description="The application's id: `env:NAME` or `file:PATH`.")
    client_secret: Secret | None = Field(
        None, description="The application's secret, where it has one; Google gives one to each."
    )
    tenant: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,100}$")] | None = Field(
        None, description="`microsoft365`: the organization that registered the application; any by default."
    )
    authorize_url: Endpoint = Field(description="Where the browser goes. Given by the preset.")
    token_url: Endpoint = Field(description="Where tokens come from. Given by the preset.")
    device_url: Endpoint | None = Field(
        None, description="For `nurture login --device` (RFC 8628). Given by the preset; Google has none for mail."
    )
    scope: Line = Field(description="What is asked for. Given by the preset.")
    redirect_host: Literal["127.0.0.1", "localhost"] = Field(
        "127.0.0.1", description="How the browser names this machine when it comes back. Given by the preset."
    )
    parameters: dict[str, Line] = Field(
        default_factory=dict, description="What else the browser takes along. Given by the preset."
    )
