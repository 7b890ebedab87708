"""Made-up people in the database, a million in a minute.

Rows are written by the database itself, in the shape that an import gives them:
every table, every index. Only building them is short-cut, nothing that is
measured afterwards.
"""

from __future__ import annotations

from pathlib import Path

from nurture.store import Store, create_store

# i counts from 1; three primes keep the properties independent of each other
_NUMBERS = "WITH RECURSIVE number(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {people})"
_NOW = "'2026-11-01 09:00:00.000000'"
_CATEGORY = """CASE WHEN i * 7919 % 100 < 30 THEN 'healthcare_provider' WHEN i * 7919 % 100 < 40 THEN 'community_agency'
    WHEN i * 7919 % 100 < 65 THEN 'private_business' WHEN i * 7919 % 100 < 75 THEN 'sports_club'
    WHEN i * 7919 % 100 < 80 THEN 'school' ELSE 'past_patient' END"""
_STATEMENTS = (
    f"""INSERT INTO organization (id, name, name_key, city, region, country, time_zone, attributes, created_at,
      updated_at)
    {_NUMBERS} SELECT i, 'Partner ' || i, 'partner ' || i,
      CASE i % 40 WHEN 0 THEN 'Salem' WHEN 1 THEN 'Keizer' ELSE 'City ' || (i % 40) END, 'OR', 'US',
      'America/Los_Angeles', '{{{{}}}}', {_NOW}, {_NOW} FROM number WHERE i <= {{people}} / 10 + 1""",
    f"""INSERT INTO contact (id, address, address_key, address_hash, domain, first_name, last_name, role, discharged_on,
      organization_id, attributes, created_at, updated_at)
    {_NUMBERS} SELECT i, 'person' || i || '@partner' || (i / 10) || '.example',
      'person' || i || '@partner' || (i / 10) || '.example', printf('%08x%056x', i * 2654435761 % 4294967296, i),
      'partner' || (i / 10) || '.example', 'Zoë', 'Example ' || i, 'Director',
      CASE WHEN i * 7919 % 100 >= 80 THEN date('2026-11-30', '-' || (i * 104729 % 900) || ' days') END,
      CASE WHEN i * 7919 % 100 < 80 THEN i / 10 + 1 END,
      json_object('met_on', date('2026-11-30', '-' || (i * 1299709 % 1500) || ' days'),
        'district', 'd' || (i * 15485863 % 100), 'size', CAST(i * 32452843 % 500 AS TEXT)),
      {_NOW}, {_NOW} FROM number""",
    f"INSERT INTO contact_category (contact_id, category) {_NUMBERS} SELECT i, {_CATEGORY} FROM number",
    f"""INSERT INTO contact_category (contact_id, category) {_NUMBERS}
    SELECT i, 'past_patient' FROM number WHERE i * 7919 % 100 < 80 AND i % 20 = 7""",
    f"""INSERT INTO contact_tag (contact_id, tag) {_NUMBERS}
    SELECT i, CASE i % 5 WHEN 0 THEN 'active' WHEN 1 THEN 'refers' ELSE 'list-2026' END FROM number""",
    f"INSERT INTO contact_tag (contact_id, tag) {_NUMBERS} SELECT i, 'paused' FROM number WHERE i % 50 = 0",
    f"""INSERT INTO consent (contact_id, kind_bit, source, obtained_on, recorded_at)
    {_NUMBERS} SELECT i, CASE WHEN i * 7919 % 100 < 80 THEN 4 ELSE 1 END, 'made up', '2026-09-30', {_NOW}
    FROM number WHERE i % 4 > 0 OR i * 7919 % 100 < 80""",
)
_HISTORY = (
    f"""INSERT INTO edition (id, mode, campaign, occurrence, kind, topic, sender, state, planned, due_at, expires_at,
      campaign_digest, created_at, ready_at, finished_at)
    VALUES (1, 'sandbox', 'partner-news', '2026-11-03T09:30', 'newsletter', 'partner-news', 'riverbend', 'finished', 1,
      {_NOW}, {_NOW}, '', {_NOW}, {_NOW}, {_NOW})""",
    f"""INSERT INTO delivery (mode, edition_id, campaign, contact_id, organization_id, recipient_key, address, domain,
      variant, state, consent_mask, not_before, not_after, next_attempt_at, created_at, settled_at)
    SELECT 'sandbox', 1, 'partner-news', contact.id, organization_id, address_hash, address, domain, 'school', 'sent',
      7, {_NOW}, {_NOW}, {_NOW}, {_NOW}, {_NOW}
    FROM contact WHERE organization_id IS NOT NULL AND contact.id % 2 = 0""",
)


def fill(root: Path, people: int, *, history: bool = False) -> Store:
    """A new SQLite database in ``root`` with so many people; ``history``: every second partner got the partner news."""
    store = create_store("sqlite:///data/nurture.db", root=root)
    with store.write() as connection:
        for statement in (*_STATEMENTS, *(_HISTORY if history else ())):
            connection.exec_driver_sql(statement.format(people=people))
    return store
