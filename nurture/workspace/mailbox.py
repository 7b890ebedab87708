"""The mailbox in which answers and bounces arrive, as it stands in ``nurture.yaml``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from nurture.workspace.fields import Line, Model, Secret, Slug, TlsMode

NONE = "none"


def _some(folders: tuple[str, ...]) -> tuple[str, ...]:
    if not folders:
        raise ValueError("name at least one folder, or leave `folders` out")
    return folders


class MailboxKind(StrEnum):
    """What else arrives in the mailbox."""

    SHARED = "shared"  # the clinic's other mail, too: what has nothing to do with us leaves no words here
    DEDICATED = "dedicated"  # only what our mails bring back


class Imap(Model):
    """The IMAP server that has the mailbox."""

    host: Line = Field(description="Host name; the certificate must match it.")
    port: int = Field(993, ge=1, le=65535, description="993 with implicit TLS, 143 with STARTTLS.")
    tls: TlsMode = Field(
        TlsMode.IMPLICIT, description="`implicit` and `starttls` are verified; `none` only on this machine."
    )
    username: Line = Field(description="Account name, often the address.")
    password: Secret | None = Field(None, description="`env:NAME` or `file:PATH`; never the password itself.")
    permission_of: Slug | None = Field(
        None,
        description="Instead of `password`: the key under `senders` of the account whose permission, from `nurture "
        "login`, opens the mailbox, too (XOAUTH2).",
    )
    ca_file: str | None = Field(
        None, description="PEM file of the authority that signed the server's certificate, if it is your own."
    )


class Mailbox(Model):
    """Where answers and bounces arrive. It is read, never changed: no mail is marked, moved or deleted."""

    imap: Imap | None = Field(None, description="An account on an IMAP server.")
    maildir: Line | None = Field(None, description="A Maildir folder on this machine, instead of `imap`.")
    folders: Annotated[tuple[Line, ...], Field(max_length=20), AfterValidator(_some)] = Field(
        ("INBOX", "Junk", "Sent"),
        description="Folders that are read; `Sent` tells which replies are answered. `Junk`, `Sent`, `Archive` and "
        "`Trash` also find the folder that the server uses for it, whatever its name; one of these that is not there "
        "is no problem.",
    )
    kind: MailboxKind = Field(
        MailboxKind.SHARED,
        description="`shared`: of mail that has nothing to do with ours only a fingerprint, what it was and when it "
        "came are kept. `dedicated`: nothing else arrives there, so all is kept.",
    )

    @property
    def account(self) -> str:
        """Whose mailbox it is; what was read is remembered under this name."""
        return self.imap.username if self.imap is not None else "maildir"


class _OrNone:
    """The word `none` beside a mailbox, for editors."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        found = handler(schema)
        found["anyOf"] = [{"const": NONE} if kind == {"type": "null"} else kind for kind in found["anyOf"]]
        return found


def _none(value: Any) -> Any:  # noqa: ANN401 - pydantic's
    return None if value == NONE else value


OptionalMailbox = Annotated[Mailbox | None, _OrNone(), BeforeValidator(_none)]
