"""Secrets stand in the workspace only by reference: ``env:NAME`` or ``file:PATH``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from nurture.errors import SecretError


@dataclass(frozen=True, slots=True)
class SecretReference:
    """Where a secret is; the value is read when it is needed and never kept."""

    kind: str  # "env" or "file"
    name: str

    @classmethod
    def parse(cls, value: object) -> SecretReference:
        """``env:NAME`` or ``file:PATH``; raises ``ValueError`` that never repeats the text."""
        if isinstance(value, SecretReference):
            return value
        kind, _, name = value.partition(":") if isinstance(value, str) else ("", "", "")
        if kind not in ("env", "file") or not name.strip():
            raise ValueError("write where the secret is, `env:NAME` or `file:PATH`, not the secret itself")
        return cls(kind, name.strip())

    def read(self, root: Path) -> str:
        """The secret; relative paths start at the workspace ``root``.

        Raises `SecretError` if it is missing, empty, or its file can be read by others.
        """
        if self.kind == "env":
            value = os.environ.get(self.name, "")
            if not value:
                raise SecretError(
                    f"the environment variable {self.name} is not set; it holds a secret that nurture.yaml refers to"
                )
            return value
        path = root / self.name
        try:
            mode = path.stat().st_mode
            value = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretError(f"the secret file {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            raise SecretError(f"the secret file {path} is no text") from None  # the cause repeats what it holds
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise SecretError(f"the secret file {path} can be read by others; mend it with: chmod 600 {path}")
        if not value:
            raise SecretError(f"the secret file {path} is empty")
        return value

    def __str__(self) -> str:
        """As it is written in the file; holds no secret."""
        return f"{self.kind}:{self.name}"


def references_in(value: object) -> Iterator[SecretReference]:
    """Every reference in settings, however deep."""
    if isinstance(value, SecretReference):
        yield value
    elif isinstance(value, BaseModel):
        for _, inner in value:
            yield from references_in(inner)
    elif isinstance(value, dict):
        for inner in value.values():
            yield from references_in(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from references_in(inner)
