"""A log of ten million mails, written by the database itself in some minutes.

200 campaigns with ten editions each, one campaign's to everybody, the others'
to a part of them; 2 % of the editions still wait. Every table that a page of
the log reads, with every index: deliveries and their attempts. Events, which
only `nurture log --follow` and one mail's history read, are left out.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from nurture.store import Store, create_store

CAMPAIGNS = 200
EDITIONS = 2_000
PEOPLE = 200_000

_NUMBERS = "WITH RECURSIVE number(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < {count})"
_DUE = "datetime('2024-01-02 17:30:00', '+' || ({edition} * 12) || ' hours') || '.000000'"
_CONTACTS = f"""INSERT INTO contact (id, address, address_key, address_hash, domain, last_name, attributes, created_at,
      updated_at)
    {_NUMBERS} SELECT i + 1, 'person' || i || '@partner' || (i / 10) || '.example',
      'person' || i || '@partner' || (i / 10) || '.example', printf('%08x%056x', i * 2654435761 % 4294967296, i),
      'partner' || (i / 10) || '.example', 'Example ' || i, '{{{{}}}}', '2024-01-01', '2024-01-01' FROM number"""
_EDITIONS = f"""INSERT INTO edition (id, mode, campaign, occurrence, kind, topic, sender, state, planned, due_at,
      expires_at, campaign_digest, created_at, ready_at, finished_at)
    {_NUMBERS} SELECT i + 1, 'sandbox', 'campaign-' || (i % {CAMPAIGNS}), 'edition-' || i, 'newsletter', 'news',
      'clinic', CASE WHEN i < {{finished}} THEN 'finished' ELSE 'ready' END, 0, {_DUE.format(edition="i")},
      {_DUE.format(edition="i")}, '', {_DUE.format(edition="i")}, {_DUE.format(edition="i")},
      CASE WHEN i < {{finished}} THEN {_DUE.format(edition="i")} END FROM number"""
# number i of edition e goes to a contact of its own; the remainders are as good as dice
_DICE = "(i * 7919 + e * 104729) % 1000"
_STATE = f"""CASE WHEN e >= {{finished}} THEN CASE {_DICE} WHEN 0 THEN 'held' ELSE 'queued' END
    WHEN {_DICE} < 930 THEN 'sent' WHEN {_DICE} < 970 THEN 'skipped' WHEN {_DICE} < 985 THEN 'failed'
    WHEN {_DICE} < 995 THEN 'expired' WHEN {_DICE} < 999 THEN 'canceled' ELSE 'uncertain' END"""
_TIME = """datetime('2024-01-02 17:30:00', '+' || (e * 12 + CASE WHEN i % 5 THEN 0 ELSE i % 4 END) || ' hours')
    || '.000000'"""
_DELIVERIES = f"""INSERT INTO delivery (mode, edition_id, campaign, contact_id, recipient_key, addressee, address,
      domain, variant, state, reason, consent_mask, message_id, message_date, "values", not_before,
      not_after, next_attempt_at, attempts, claim, created_at, settled_at)
    {_NUMBERS}, made AS MATERIALIZED (SELECT e, i, (i * 7 + e * 4001) % {{people}} AS person, {_STATE} AS state,
      {_TIME} AS time FROM number, (SELECT {{edition}} AS e))
    SELECT 'sandbox', e + 1, 'campaign-' || (e % {CAMPAIGNS}), person + 1,
      printf('%08x%056x', person * 2654435761 % 4294967296, person),
      CASE state WHEN 'skipped' THEN NULL ELSE person + 1 END,
      'person' || person || '@partner' || (person / 10) || '.example', 'partner' || (person / 10) || '.example',
      'private_business', state, CASE state WHEN 'skipped' THEN 'no_news' WHEN 'failed' THEN 'no such user' END, 0,
      CASE WHEN state IN ('sent', 'failed', 'uncertain') THEN '<' || e || '.' || i || '@clinic.example>' END, time,
      CASE WHEN state IN ('sent', 'failed', 'uncertain')
        THEN json_object('contact', json_object('greeting', 'Dr. Example ' || i, 'last_name', 'Example ' || i)) END,
      time, datetime(time, '+30 days') || '.000000', time, 1, 1, time,
      CASE WHEN state NOT IN ('queued', 'held') THEN time END FROM made"""
_ATTEMPTS = """INSERT INTO attempt (delivery_id, number, claim, owner, sender, server, phase, outcome, code, enhanced,
      answer, started_at, ended_at)
    SELECT id, 1, 1, 'worker', 'clinic', 'mail.clinic.example:587', 'body', state,
      CASE state WHEN 'sent' THEN 250 WHEN 'failed' THEN 550 END, CASE state WHEN 'sent' THEN '2.0.0' END,
      CASE state WHEN 'sent' THEN 'queued as 4711' ELSE 'no such user' END, next_attempt_at, settled_at
    FROM delivery WHERE state IN ('sent', 'failed', 'uncertain')"""
_INDICES = """SELECT name, sql FROM sqlite_master
    WHERE type = 'index' AND tbl_name IN ('delivery', 'attempt') AND sql IS NOT NULL"""


def write_long_log(root: Path, deliveries: int = 10_000_000) -> Store:
    """A new SQLite database in ``root`` with so many deliveries; below ten million all parts shrink alike."""
    people = PEOPLE * deliveries // 10_000_000
    big = EDITIONS // CAMPAIGNS
    each = (deliveries - big * people) // (EDITIONS - big)
    finished = EDITIONS * 98 // 100
    store = create_store("sqlite:///data/nurture.db", root=root)
    store.close()  # nobody else may have it open while it writes without a journal
    with closing(sqlite3.connect(str(store.path))) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -200000")
        # made again at the end, when each is one sort: that halves the time
        indices = connection.execute(_INDICES).fetchall()
        for name, _ in indices:
            connection.execute(f"DROP INDEX {name}")
        connection.execute(_CONTACTS.format(count=people))
        connection.execute(_EDITIONS.format(count=EDITIONS, finished=finished))
        for edition in range(EDITIONS):
            count = people if edition % CAMPAIGNS == 0 else each
            connection.execute(_DELIVERIES.format(count=count, edition=edition, people=people, finished=finished))
        connection.execute(_ATTEMPTS)
        for _, statement in indices:
            connection.execute(statement)
        connection.commit()
    return store
