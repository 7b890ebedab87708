"""What a mail account of a known company wants; one table, `presets.toml`, with its sources.

Values of a preset go into a sender before it is checked, so that everything else sees
one sender and never a preset. What the clinic writes itself wins.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class PresetName(StrEnum):
    """Companies whose mail accounts nurture knows."""

    GOOGLE = "google"  # Google Workspace
    MICROSOFT365 = "microsoft365"  # Microsoft 365, Exchange Online
    SES = "ses"  # Amazon SES
    MAILGUN = "mailgun"  # Mailgun
    POSTMARK = "postmark"  # Postmark
    SMTP = "smtp"  # any other mail server


class ReturnPath(StrEnum):
    """What becomes of our envelope address, to which bounces go (RFC 5321 4.4)."""

    KEPT = "kept"  # it stays
    REPLACED = "replaced"  # the company puts one of its own in its place


@dataclass(frozen=True, slots=True)
class Preset:
    """One company. ``values`` are those of a sender as they would stand in nurture.yaml; the texts are for people.

    ``host_wanted`` says what to write where the host depends on the account. ``named_by_address``: the
    account's name is the From address.
    """

    name: PresetName
    title: str
    values: Mapping[str, Any]
    return_path: ReturnPath
    signing: str
    bounces: str
    login: str
    host_wanted: str | None = None
    named_by_address: bool = False

    def fill(self, sender: Mapping[str, Any]) -> dict[str, Any]:
        """``sender`` as it was written, with the preset's values where it says nothing.

        ``smtp`` and ``smtp.oauth`` are only filled where the clinic began them. Raises `ValueError` for a host
        that must be written.
        """
        filled = {**self.values, **sender}
        filled["limits"] = _merged(self.values.get("limits", {}), sender.get("limits", {}))
        account = sender.get("smtp")
        if not isinstance(account, Mapping):
            filled["smtp"] = account
            return filled
        defaults = dict(self.values["smtp"])
        oauth = defaults.pop("oauth", {})
        if self.host_wanted and not account.get("host"):
            raise ValueError(f"`smtp` needs {self.host_wanted}")
        if self.named_by_address and "address" in sender:
            defaults["username"] = sender["address"]
        filled["smtp"] = smtp = {**defaults, **account}
        if isinstance(account.get("oauth"), Mapping):
            smtp["oauth"] = _for_tenant({**oauth, **account["oauth"]})
        return filled


def _merged(defaults: Mapping[str, Any], written: object) -> object:
    return {**defaults, **written} if isinstance(written, Mapping) else written


def _for_tenant(oauth: dict[str, Any]) -> dict[str, Any]:
    tenant = str(oauth.get("tenant"))
    return {
        key: value.replace("{tenant}", tenant) if key.endswith("_url") and isinstance(value, str) else value
        for key, value in oauth.items()
    }


@cache
def presets() -> Mapping[str, Preset]:
    """All of them, by name."""
    table = tomllib.loads(files(__package__).joinpath("presets.toml").read_text(encoding="utf-8"))
    return {name: _preset(PresetName(name), dict(entry)) for name, entry in table.items()}


def _preset(name: PresetName, entry: dict[str, Any]) -> Preset:
    del entry["sources"]  # for who keeps the table
    smtp = dict(entry.pop("smtp"))
    if "oauth" in entry:
        smtp["oauth"] = entry.pop("oauth")
    values: dict[str, Any] = {key: entry.pop(key) for key in ("limits", "connections") if key in entry}
    return Preset(
        name=name,
        values={**values, "smtp": smtp},
        return_path=ReturnPath(entry.pop("return_path")),
        named_by_address=entry.pop("username", None) == "address",
        **entry,
    )


def filled(sender: object) -> object:
    """A sender as written, filled from the preset that it names; anything else as it is."""
    name = sender.get("preset") if isinstance(sender, Mapping) else None
    preset = presets().get(name) if isinstance(name, str) else None
    return preset.fill(sender) if preset is not None and isinstance(sender, Mapping) else sender
