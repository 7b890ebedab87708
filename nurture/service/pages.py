"""The readers' pages: served beside the loop, and proven from outside."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nurture.service.house import House

if TYPE_CHECKING:
    from nurture.web.server import WebServer


@contextmanager
def pages_served(house: House) -> Iterator[WebServer | None]:
    """The pages, served where ``web`` in the settings says so; None without a ``public_url``.

    Raises `WebError` if they cannot be served there, `SecretError` if the keys of their links cannot be used.
    """
    from nurture.service.link_keys import link_keys
    from nurture.web.readers import ReaderPages
    from nurture.web.server import serve

    settings = house.workspace.settings
    if settings.public_url is None:
        yield None
        return
    link_keys(house.store, house.data, now=house.clock.now())
    gc.collect()
    gc.freeze()  # a full collection would stop all answers for as long as it takes to look at the whole program
    pages = ReaderPages(house.store, house.data, lambda: house.workspace.settings, house.clock)
    try:
        server = serve(pages, host=settings.web.host, port=settings.web.port, brief=pages.brief)
        try:
            yield server
        finally:
            server.stop()
    finally:
        pages.close()
