"""``nurture senders``: what each sender's mail account comes to, and who said so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from nurture.workspace.loader import load_model
from nurture.workspace.presets import Preset, presets
from nurture.workspace.settings import Sender, Settings
from nurture.workspace.workspace import SETTINGS_FILE


class Source(StrEnum):
    """Who said it."""

    CLINIC = "nurture.yaml"  # the clinic wrote it
    PRESET = "preset"  # the preset that it named
    DEFAULT = "default"  # nobody: what holds everywhere


@dataclass(frozen=True, slots=True)
class Value:
    """One setting as it holds, in words; ``source`` is None for what no key says."""

    name: str
    words: str
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A sender's mail account as it holds."""

    sender: str
    address: str
    preset: str | None
    values: tuple[Value, ...]


def accounts(root: Path) -> tuple[Account, ...]:
    """Each sender's, in the order of nurture.yaml. Raises `FilesError` if that has problems."""
    settings, document = load_model(root / SETTINGS_FILE, Settings, file=SETTINGS_FILE)
    written = document.value
    assert isinstance(written, dict)
    return tuple(
        Account(name, sender.address, sender.preset, tuple(_Reading(sender, written["senders"][name]).values()))
        for name, sender in settings.senders.items()
    )


class _Reading:
    """One sender beside what is written of it."""

    def __init__(self, sender: Sender, written: Mapping[str, object]) -> None:
        self._sender = sender
        self._written = written
        self._preset: Preset | None = presets()[sender.preset] if sender.preset else None

    def values(self) -> Iterator[Value]:
        sender, smtp, preset = self._sender, self._sender.smtp, self._preset
        if preset is not None:
            yield Value("company", preset.title, Source.PRESET)
        if smtp is None:
            yield Value("server", "none yet: write `smtp`, at the latest before going live")
        else:
            yield self._value("server", smtp.host, "smtp", "host")
            yield self._value("port", str(smtp.port), "smtp", "port")
            yield self._value("TLS", smtp.tls.value, "smtp", "tls")
            yield self._value("account", smtp.username or "none", "smtp", "username")
            yield Value("login", _login(sender), None if smtp.username is None else Source.CLINIC)
        yield self._value("mails a day", _number(sender.limits.per_day), "limits", "per_day")
        yield self._value("mails a minute", _number(sender.limits.per_minute), "limits", "per_minute")
        yield self._value("connections", str(sender.connections), "connections")
        keys = ", ".join(dkim.selector for dkim in sender.dkim)
        if keys:
            yield Value("signed by", f"nurture, with {keys}", Source.CLINIC)
        elif preset is not None:
            yield Value("signed by", preset.signing, Source.PRESET)
        else:
            yield Value("signed by", "your mail server, if it does (DKIM); else see nurture dkim new")
        if preset is not None:
            yield Value("return path", preset.return_path.value, Source.PRESET)
            yield Value("bounces", preset.bounces, Source.PRESET)

    def _value(self, name: str, words: str, *keys: str) -> Value:
        return Value(name, words, self._source(*keys))

    def _source(self, *keys: str) -> Source:
        if _has(self._written, keys):
            return Source.CLINIC
        named = self._preset is not None and self._preset.named_by_address and keys == ("smtp", "username")
        given = self._preset is not None and (_has(self._preset.values, keys) or named)
        return Source.PRESET if given else Source.DEFAULT


def _has(values: object, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(values, Mapping) or key not in values:
            return False
        values = values[key]
    return True


def _login(sender: Sender) -> str:
    smtp = sender.smtp
    if smtp is None or (smtp.password is None and smtp.oauth is None):
        return "none"
    return f"password from {smtp.password}" if smtp.oauth is None else "a permission (nurture login)"


def _number(limit: int | None) -> str:
    return "no limit" if limit is None else f"{limit:,}"
