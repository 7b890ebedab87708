"""What the loop does about opens and clicks: forgets their details in time, and sees that links still lead on."""

from __future__ import annotations

from datetime import datetime, timedelta

from nurture.service.house import House
from nurture.store import alerts, meta, visits, way_out
from nurture.vocabulary import AlertKind, Mode

LOOK_EVERY = timedelta(hours=12)  # links are wrapped while the last look is two days old at most
LOOK_AGAIN = timedelta(minutes=30)  # after one that failed
_DETAILS = ("network", "program")
_LAST_LOOK, _FORGOTTEN = "web_looked_at", "visits_forgotten"  # in meta; the second with the last event seen


def forget_visits(house: House) -> None:
    """Once a day take network and program out of visits that are older than `privacy.visit_details`."""
    now = house.clock.now()
    before = now - house.workspace.settings.privacy.visit_details
    with house.store.read() as connection:
        at, _, through = (meta.get(connection, _FORGOTTEN) or "").partition(" ")
    if at and now - datetime.fromisoformat(at) < timedelta(days=1):
        return
    last: int | None = int(through or 0)
    while last is not None:
        with house.store.write_in_turn() as connection:
            meta.put(connection, _FORGOTTEN, f"{now.isoformat()} {last}")
            last = visits.forget_details(connection, _DETAILS, after_id=last, before=before)


def look_at_pages(house: House) -> None:
    """Ask for our own pages over `public_url` twice a day, as `nurture leave-test` does; an alert says if in vain.

    Live mode only: mails of the sandbox lead to this machine.
    """
    from nurture.service.leave_test import probe_page

    url, now = house.workspace.settings.public_url, house.clock.now()
    if url is None or not _due(house, url, now):
        return
    with house.store.write() as connection:
        meta.put(connection, _LAST_LOOK, now.isoformat())
    problem = probe_page(house)
    if problem is None and not house.links_arrive():
        problem = f"{url} leads POST of /u/ here, but not GET of /c/: let your web server lead all paths here"
    with house.store.write() as connection:
        if problem is None:
            alerts.resolve_alert(connection, AlertKind.PAGES_UNREACHED, url, now)
        else:
            alerts.raise_alert(connection, AlertKind.PAGES_UNREACHED, url, problem, now)


def _due(house: House, url: str, now: datetime) -> bool:
    with house.store.read() as connection:
        if meta.get_mode(connection) is not Mode.LIVE:
            return False
        seen = way_out.links_seen(connection, url)
        looked = meta.get(connection, _LAST_LOOK)
    if looked is not None and now - datetime.fromisoformat(looked) < LOOK_AGAIN:
        return False
    return seen is None or now - seen >= LOOK_EVERY
