"""The keys of the links in mails: made on first use, added to by `nurture keys rotate`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from nurture.composing.link_keys import add_link_key, link_key_file, read_link_keys
from nurture.composing.link_tokens import KeyRing, LinkKey
from nurture.store import Store, meta

_MADE = "link_keys"  # meta: the database knows that there are keys, so a lost file is noticed


def link_keys(store: Store, data: Path, *, now: datetime) -> KeyRing:
    """The keys in the folder ``data``; the first one is made where there never was one. Raises `SecretError`."""
    if not link_key_file(data).exists():
        with store.read() as connection:
            known = meta.get(connection, _MADE) is not None
        if not known:
            rotate_link_keys(store, data, now=now)
    return read_link_keys(data)


def rotate_link_keys(store: Store, data: Path, *, now: datetime) -> LinkKey:
    """A new key for the links of editions that are planned from now on; links with older keys go on working.

    Raises `SecretError`.
    """
    key = add_link_key(data, now=now)
    with store.write() as connection:
        meta.put(connection, _MADE, key.id)
    return key
