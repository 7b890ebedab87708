"""``nurture dkim``: keys that sign the clinic's mails, and the DNS records that publish them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from nurture.composing.dkim_keys import DnsRecord, SigningKey, new_keys, read_key
from nurture.durable import sync_folder
from nurture.errors import InputError, Problem, SecretError
from nurture.workspace.loader import load_model
from nurture.workspace.secrets import SecretReference
from nurture.workspace.settings import Dkim, Settings
from nurture.workspace.settings_checks import aligned
from nurture.workspace.workspace import SETTINGS_FILE

KEY_FOLDER = "data/keys"


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """A key as people see it: nothing of it is secret. ``key`` is a reference as in nurture.yaml."""

    sender: str
    algorithm: str
    domain: str
    selector: str
    key: str
    record: DnsRecord


def make_keys(
    root: Path, settings: Settings, *, domain: str | None, selector: str | None, now: datetime
) -> tuple[PublishedKey, ...]:
    """An RSA and an Ed25519 key as files under ``data/keys/`` that only their owner can read.

    ``domain`` is by default the From domain of the first sender, ``selector`` holds
    the date. Never replaces a file. Raises `InputError`, and then wrote nothing.
    """
    sender = settings.senders[settings.default_sender]
    selector = f"nurture-{settings.today(now):%Y%m%d}" if selector is None else selector
    domain = sender.address.rpartition("@")[2] if domain is None else domain
    try:
        # the same rules as for what stands in the file; the longer of the two selectors
        asked = Dkim(domain=domain, selector=f"{selector}-ed25519", key=SecretReference("file", KEY_FOLDER))
    except ValueError as error:
        raise InputError(f"no keys were made: {_first_message(error)}") from error
    keys = new_keys(asked.domain or domain, selector)
    files = [f"{KEY_FOLDER}/{key.domain}.{key.selector}.pem" for key in keys]
    _write(root, {file: key.pem for file, key in zip(files, keys, strict=True)})
    name = _sender_for(settings, keys[0].domain)
    return tuple(_published(name, key, f"file:{file}") for file, key in zip(files, keys, strict=True))


def configured_keys(root: Path, settings: Settings) -> tuple[PublishedKey, ...]:
    """The keys that nurture.yaml refers to; raises `SecretError` if one cannot be used."""
    return tuple(
        _published(name, read_key(dkim, from_address=sender.address, root=root), str(dkim.key))
        for name, sender in settings.senders.items()
        for dkim in sender.dkim
    )


def check_keys(root: Path) -> list[Problem]:
    """Keys that cannot be read or used, at their place in nurture.yaml.

    Raises `FilesError` if the settings themselves have problems.
    """
    settings, document = load_model(root / SETTINGS_FILE, Settings, file=SETTINGS_FILE)
    problems = []
    for name, sender in settings.senders.items():
        algorithms = []
        for number, dkim in enumerate(sender.dkim):
            place = ("senders", name, "dkim", number, "key")
            try:
                algorithms.append(read_key(dkim, from_address=sender.address, root=root).algorithm)
            except SecretError as error:
                problems.append(document.problem(place, str(error)))
        if len(set(algorithms)) < len(algorithms):
            message = "both keys are for the same algorithm; two make sense as one RSA and one Ed25519 key (RFC 8463)"
            problems.append(document.problem(("senders", name, "dkim"), message, at_key=True))
    return problems


def _sender_for(settings: Settings, domain: str) -> str:
    """The first sender whose mails ``domain`` may sign, else the first one of all."""
    fitting = (name for name, sender in settings.senders.items() if aligned(domain, sender.address.rpartition("@")[2]))
    return next(fitting, settings.default_sender)


def _published(sender: str, key: SigningKey, reference: str) -> PublishedKey:
    return PublishedKey(sender, key.algorithm, key.domain, key.selector, reference, key.record)


def _first_message(error: ValueError) -> str:
    """What pydantic found first, without its frame."""
    errors = getattr(error, "errors", None)
    details: Sequence[dict[str, object]] = errors(include_url=False) if errors else []
    context = details[0].get("ctx") if details else None
    return str(context["error"]) if isinstance(context, dict) and "error" in context else str(error)


def _write(root: Path, files: dict[str, str]) -> None:
    """All files or none; each is new, for its owner alone, and on the disk before this returns."""
    folder = root / KEY_FOLDER
    written: list[Path] = []
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        for name, text in files.items():
            descriptor = os.open(root / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            written.append(root / name)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(text)
                file.flush()
                os.fsync(descriptor)
        sync_folder(folder)
    except OSError as error:
        for path in written:
            path.unlink()
        if isinstance(error, FileExistsError):
            raise InputError(f"{error.filename} exists, and a key in use is never replaced; say --selector") from error
        raise InputError(f"the keys cannot be written to {folder}: {error.strerror}") from error
