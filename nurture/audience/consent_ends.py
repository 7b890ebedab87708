"""Keeping the last day of each consent right: when consents come, people move, or the clinic's rules change."""

from __future__ import annotations

import json
from collections.abc import Sequence

from nurture.audience.consent import ConsentEnds
from nurture.store import Connection, Store, meta
from nurture.store.consents import renew_ends
from nurture.workspace.consent_ends import LEGAL_ENDS
from nurture.workspace.settings import Settings

_RULES = "consent_ends"


def renew_consent_ends(
    connection: Connection, ends: ConsentEnds, *, contact_ids: Sequence[int] = (), organization_ids: Sequence[int] = ()
) -> None:
    """For these contacts, and the people of these organizations: their consents end by the rules as they are now."""
    renew_ends(
        connection,
        ends.last_day,
        countries=_countries(ends),
        contact_ids=contact_ids,
        organization_ids=organization_ids,
    )


def keep_consent_ends(store: Store, settings: Settings) -> int:
    """Make every consent end by the settings' rules, if they are others than before; how many changed."""
    ends = ConsentEnds.of(settings)
    rules = _in_json(ends)
    with store.read() as connection:
        if meta.get(connection, _RULES) == rules:
            return 0
    with store.write() as connection:
        changed = renew_ends(connection, ends.last_day, countries=_countries(ends))
        meta.put(connection, _RULES, rules)
    return changed


def _countries(ends: ConsentEnds) -> frozenset[str] | None:
    return None if ends.clinic in ends.countries else ends.countries


def _in_json(ends: ConsentEnds) -> str:
    law = [(end.country, end.kind, end.after.text) for end in LEGAL_ENDS]
    own = {country: {kind: after.text for kind, after in kinds.items()} for country, kinds in ends.own.items()}
    return json.dumps({"clinic": ends.clinic, "law": law, "own": own}, sort_keys=True)
