"""The only package that runs SQL: tables, connections, one module of queries per topic.

====================  =================================================================================
the database itself   engine, opening, migrate, failures, filesystem, maintenance, meta, lineage, inserting
people                contacts, contact_changes, organizations, consents, suppressions, erasure, expressions
campaigns, editions   campaigns, asking, editions, plans, history (what planners ask), news
deliveries            deliveries (the queue), attempts, unsettled, gate, transitions, events
what people look at   log, accounts
running processes     workers, jobs, senders, alerts
====================  =================================================================================

``schema`` has the tables, in modules with the same topics.
"""

from nurture.store.engine import Connection, Store
from nurture.store.opening import create_store, open_store

__all__ = ["Connection", "Store", "create_store", "open_store"]
