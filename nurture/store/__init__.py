"""The only package that runs SQL: tables, connections, one module of queries per topic."""

from nurture.store.engine import Connection, Store, create_store, open_store

__all__ = ["Connection", "Store", "create_store", "open_store"]
