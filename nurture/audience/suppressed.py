"""Which addresses must not be mailed, whether they belong to a contact or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nurture.address import address_hash, parse_address
from nurture.audience.address_key import load_address_key
from nurture.store import Store
from nurture.store.contacts import people_by_address
from nurture.store.suppressions import suppressions_of
from nurture.vocabulary import SuppressionReason
from nurture.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class _Addressee:
    id: int
    address_hash: str
    domain: str | None
    organization_id: int | None


def suppressed_addresses(store: Store, workspace: Workspace, addresses: Sequence[str]) -> dict[str, SuppressionReason]:
    """Why these addresses must not be mailed: suppressed themselves, or by domain or a contact's organization.

    The others are left out, and so is who left single topics only. A few at most, each a checked address
    (`nurture.address.parse_address`).
    """
    key = load_address_key(store, workspace.root / "data")
    found: dict[str, SuppressionReason] = {}
    with store.read() as connection:
        for address in addresses:
            parsed = parse_address(address)
            people = people_by_address(connection, [parsed.key]).values()
            same = [_Addressee(0, address_hash(parsed.key, key), parsed.domain, None)]
            same += [_Addressee(0, person.address_hash, person.domain, person.organization_id) for person in people]
            for rows in suppressions_of(connection, same).values():
                if reasons := [row.reason for row in rows if row.topic is None]:
                    found[address] = reasons[0]
    return found
