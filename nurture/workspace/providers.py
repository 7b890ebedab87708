"""Which domains belong to one mailbox provider.

Providers count and slow down mails for all their domains together. The groups
are the consumer domains that the companies name in their own help pages; any
other domain counts as a provider of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from nurture.workspace.settings import Provider

KNOWN: Mapping[str, tuple[str, ...]] = {
    "google": ("gmail.com", "googlemail.com"),
    "microsoft": ("outlook.com", "hotmail.com", "live.com", "msn.com", "hotmail.co.uk", "live.co.uk"),
    "yahoo": ("yahoo.com", "ymail.com", "rocketmail.com", "aol.com", "yahoo.co.uk", "yahoo.ca"),
    "apple": ("icloud.com", "me.com", "mac.com"),
}
NO_LIMITS = Provider()


@dataclass(frozen=True, slots=True)
class Providers:
    """The clinic's providers, and the known ones that it does not name."""

    settings: Mapping[str, Provider]
    _names: Mapping[str, str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = {domain: name for name in {**KNOWN, **self.settings} for domain in self._listed(name)}
        own = {domain: name for name, provider in self.settings.items() for domain in provider.domains}
        object.__setattr__(self, "_names", names | own)

    def _listed(self, name: str) -> tuple[str, ...]:
        return self.limits(name).domains or KNOWN.get(name, ())

    def of(self, address: str | None) -> str:
        """The provider of an address; "" where there is none any more."""
        domain = (address or "").rpartition("@")[2].lower()
        return self._names.get(domain, domain)

    def domains(self, name: str) -> tuple[str, ...]:
        """All domains of a provider."""
        return tuple(domain for domain, provider in self._names.items() if provider == name) or (name,)

    def limits(self, name: str) -> Provider:
        """What nurture.yaml says about it."""
        return self.settings.get(name, NO_LIMITS)
