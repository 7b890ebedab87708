"""``nurture leave-test``: whether the ways out of our mails work, seen from outside."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime

from nurture.composing.link_tokens import LONGEST_NUMBER, make_token
from nurture.composing.links import HIDDEN
from nurture.composing.way_out import click_link, leave_link
from nurture.errors import InputError
from nurture.service.house import House
from nurture.service.link_keys import link_keys
from nurture.store import way_out
from nurture.vocabulary import LinkPurpose

_PATIENCE = 20.0  # seconds
_ONE_CLICK = b"List-Unsubscribe=One-Click"


@dataclass(frozen=True, slots=True)
class WayOut:
    """One way out of our mails: the page's address, or a mail address that gets STOP.

    ``seen_at`` (UTC): when it was last seen to work; None: never.
    """

    where: str
    seen_at: datetime | None


def ways_out(house: House) -> tuple[WayOut, ...]:
    """The page, where there is one; else the addresses that the senders' mails are answered to."""
    settings = house.workspace.settings
    with house.store.read() as connection:
        if settings.public_url is not None:
            return (WayOut(settings.public_url, way_out.page_seen(connection, settings.public_url)),)
        return tuple(WayOut(place, way_out.mailbox_seen(connection, place)) for place in _mailboxes(house))


def probe_page(house: House) -> str | None:
    """POST to the page as a mail program would, and see that it arrived here; then remember that.

    Gives back in words what is wrong, None if nothing is. Unsubscribes nobody. Raises `InputError`
    without a ``public_url``, `SecretError` if the keys of links cannot be used.
    """
    import httpx2  # lazy: start-up time

    settings = house.workspace.settings
    if settings.public_url is None:
        raise InputError("nurture.yaml has no public_url, so there is no page to test")
    key = link_keys(house.store, house.data, now=house.clock.now()).newest
    number = secrets.randbelow(LONGEST_NUMBER)
    url = leave_link(settings.public_url, make_token(key, LinkPurpose.PROBE, number, ""))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    try:
        with httpx2.stream("POST", url, content=_ONE_CLICK, headers=headers, timeout=_PATIENCE) as response:
            status, location = response.status_code, response.headers.get("location", "")
    except httpx2.HTTPError as error:
        return (
            f"{settings.public_url} cannot be reached: {error or type(error).__name__}. `nurture run` must be at work, "
            f"and your web server must lead there: to {settings.web.local_url}"
        )
    if 300 <= status < 400:
        return (
            f"{settings.public_url} sends to another address, {location[:200]!r}; mail programs do not follow "
            "(RFC 8058 3.1). Write the last address as public_url"
        )
    if status == 503:
        return f"{settings.public_url} is reached, but cannot do anything now: look at nurture status"
    with house.store.read() as connection:
        arrived = way_out.last_probe(connection) == number
    if not 200 <= status < 300 or not arrived:
        return (
            f"{settings.public_url} answers {status}, but {'not to us' if status < 300 else 'refuses the POST'}: does "
            f"your web server lead to the `nurture run` of this clinic ({settings.web.local_url}), also for POST?"
        )
    leads_on = _leads_on(click_link(settings.public_url, make_token(key, LinkPurpose.PROBE, number, ""), HIDDEN))
    with house.store.write() as connection:
        way_out.record_page(connection, settings.public_url, house.clock.now())
        if leads_on == settings.clinic.site:
            way_out.record_links(connection, settings.public_url, house.clock.now())
    return None


def _leads_on(url: str) -> str | None:
    """Where a link over the page leads; None: nowhere."""
    import httpx2

    try:
        with httpx2.stream("GET", url, timeout=_PATIENCE) as response:
            return response.headers.get("location") if response.status_code == 302 else None
    except httpx2.HTTPError:
        return None


def stop_arrived(house: House, address: str) -> None:
    """Somebody saw a mail with the subject STOP arrive in the mailbox of ``address``; remember that.

    Raises `InputError` if no sender's mails are answered to it.
    """
    known = {place.casefold(): place for place in _mailboxes(house)}
    place = known.get(address.strip().casefold())
    if place is None:
        raise InputError(f"nobody's mail is answered to {address}; it is answered to {' and to '.join(known.values())}")
    with house.store.write() as connection:
        way_out.record_mailbox(connection, place, house.clock.now())


def _mailboxes(house: House) -> tuple[str, ...]:
    """The reply addresses of the senders that campaigns use; of all, where there is no campaign yet."""
    workspace = house.workspace
    settings = workspace.settings
    used = {campaign.sender or settings.default_sender for campaign in workspace.campaigns.values()}
    senders = [sender for name, sender in settings.senders.items() if name in used or not used]
    return tuple(dict.fromkeys(sender.reply_to or sender.address for sender in senders))
