"""``nurture doctor``: DNS, mail servers and this machine, examined without sending a mail or changing anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from nurture.audience.address_key import address_key_file
from nurture.composing.dkim_keys import DnsRecord, SigningKey, read_key
from nurture.composing.images import MAX_IMAGES
from nurture.composing.link_keys import link_key_file
from nurture.delivery.oauth.keeping import permission_of
from nurture.delivery.routes import Route, is_loopback, route_for
from nurture.doctor.alignment import Identity, judge_alignment, judge_author
from nurture.doctor.answers import Ask
from nurture.doctor.checks import Check, Judge, shown
from nurture.doctor.clock_reading import read_clock
from nurture.doctor.dkim import judge_key, judge_keys_of
from nurture.doctor.dmarc import judge_dmarc
from nurture.doctor.looking_up import addresses_of, look_up_dmarc, look_up_mailbox, look_up_spf
from nurture.doctor.machine import ClockReading, PrivateFile, judge_clock, judge_copies, judge_disk, judge_private
from nurture.doctor.mailboxes import judge_mailbox
from nurture.doctor.probing import probe_all
from nurture.doctor.relay import judge_relay
from nurture.doctor.relays import known_relay
from nurture.doctor.resolving import Question, Resolver
from nurture.doctor.spf import Relay, judge_spf
from nurture.errors import SecretError, SenderError
from nurture.service.house import House
from nurture.store import meta
from nurture.vocabulary import Health, Mode
from nurture.workspace.settings import Sender, Settings

# what a mail can weigh: its images as base64, and two texts that most mail programs would cut
LARGEST_MAIL = int(MAX_IMAGES * 1.4) + 200_000


@dataclass(frozen=True, slots=True)
class Report:
    """All checks, in the order in which they are best mended."""

    checks: tuple[Check, ...]

    def count(self, health: Health) -> int:
        """How many checks ended so."""
        return sum(check.health is health for check in self.checks)

    @property
    def failed(self) -> tuple[Check, ...]:
        """What must be mended before going live."""
        return tuple(check for check in self.checks if check.health is Health.FAIL)


def examine(house: House, *, question: Question, online: bool = True) -> Report:
    """Look at everything, each DNS question and each server within a bounded time.

    ``question`` asks the DNS. Unless ``online``, nothing else leaves this machine.
    Raises `StoreError` if the database cannot be read.
    """
    settings = house.workspace.settings
    ask = Resolver(question).ask
    return Report(
        (
            *examine_dns(house.root, settings, ask),
            *examine_relays(house, online=online),
            *examine_machine(house, online=online),
        )
    )


def examine_dns(root: Path, settings: Settings, ask: Ask) -> Iterator[Check]:
    """SPF, DKIM, DMARC, alignment and MX of every domain that stands in the senders."""
    keys: dict[str, tuple[SigningKey, ...]] = {}
    unreadable = []
    for name, sender in settings.senders.items():
        try:
            keys[name] = tuple(read_key(dkim, from_address=sender.address, root=root) for dkim in sender.dkim)
        except SecretError as error:
            unreadable.append(Judge("dkim", name).fail(shown(str(error)), f"Mend senders.{name}.dkim in nurture.yaml."))
    identities = {name: _identity(name, sender, keys.get(name, ())) for name, sender in settings.senders.items()}
    yield from filter(None, map(judge_author, identities.values()))
    yield from _spf(settings, ask)
    yield from unreadable
    yield from _keys(settings, keys, ask)
    domains = {domain for one in identities.values() for domain in (one.author, one.envelope, *one.signing)}
    walks = {domain: look_up_dmarc(domain, ask) for domain in sorted(domains)}
    authors = {identities[name].author: sender.address for name, sender in reversed(settings.senders.items())}
    yield from (judge_dmarc(walks[domain], report_to=address) for domain, address in reversed(authors.items()))
    yield from (judge_alignment(identities[name], walks) for name in keys)
    yield from _mailboxes(settings, ask)


def examine_relays(house: House, *, online: bool) -> Iterator[Check]:
    """Each mail server once, as the clinic's accounts meet it; also in sandbox mode, where no mail goes there."""
    routes: dict[Route, tuple[str, ...]] = {}
    for name, sender in house.workspace.settings.senders.items():
        judge = Judge("relay", name)
        if sender.smtp is None:
            mend = f"Give it one before going live: senders.{name}.smtp in nurture.yaml."
            seen = "this sender has no mail account yet, so login, TLS and size cannot be looked at"
            yield judge.fail(seen, mend) if house.mode() is Mode.LIVE else judge.unknown(seen, mend)
            continue
        try:
            route = route_for(name, sender, mode=Mode.LIVE, sandbox=None, root=house.root)
        except SenderError as error:
            yield judge.fail(shown(str(error)), f"Mend senders.{name}.smtp in nurture.yaml.")
            continue
        if not online and not is_loopback(route.host):
            yield judge.unknown(
                f"{route.server} is not asked, because a zone file stands in for the network: "
                "whether it answers, its TLS, the login and its size limit are not known"
            )
            continue
        route = replace(route, connections=1, messages_per_connection=None)  # many senders may share an account
        routes[route] = (*routes.get(route, ()), name)
    now = house.clock.now()
    for lookup in probe_all(routes) if routes else ():
        yield from judge_relay(lookup, largest=LARGEST_MAIL, now=now)


def examine_machine(house: House, *, online: bool) -> Iterator[Check]:
    """Rights of files, room, copies, clock."""
    settings, now = house.workspace.settings, house.clock.now()
    yield judge_private(_private_files(house) if os.name == "posix" else None)
    place = house.store.path.parent if house.store.path else house.root
    yield judge_disk(place, free=shutil.disk_usage(place).free)
    with house.store.read() as connection:
        last = meta.backed_up_at(connection)
    yield judge_copies(last, by_others=house.store.path is None, now=now)
    offline = ClockReading("", words="no other clock is asked, because a zone file stands in for the network")
    yield judge_clock(read_clock(settings.clinic.site, house.clock) if online else offline)


def _identity(name: str, sender: Sender, keys: tuple[SigningKey, ...]) -> Identity:
    author = _domain(sender.address)
    signing = tuple(dict.fromkeys(key.domain.lower() for key in keys))
    relay = known_relay(sender.smtp.host) if sender.smtp else None
    return Identity(name, author, envelope=author, signing=signing, relay=relay)


def _keys(settings: Settings, keys: Mapping[str, tuple[SigningKey, ...]], ask: Ask) -> Iterator[Check]:
    """Each key once, and each set of keys once for each mail server, with the senders that share it."""
    records: dict[DnsRecord, tuple[str, ...]] = {}
    sets: dict[tuple[tuple[str, ...], str | None], tuple[str, ...]] = {}
    for name, found in keys.items():
        for key in found:
            records[key.record] = (*records.get(key.record, ()), name)
        smtp = settings.senders[name].smtp
        own = tuple(key.algorithm for key in found), smtp.host if smtp else None
        sets[own] = (*sets.get(own, ()), name)
    yield from (judge_key(", ".join(names), record, ask(record.name, "TXT")) for record, names in records.items())
    lacking = (judge_keys_of(", ".join(names), kinds, relay=relay) for (kinds, relay), names in sets.items())
    yield from filter(None, lacking)


def _spf(settings: Settings, ask: Ask) -> Iterator[Check]:
    """Each envelope domain once for each server that sends for it."""
    seen = set()
    for sender in settings.senders.values():
        domain, host = _domain(sender.address), sender.smtp.host.lower() if sender.smtp else None
        if (domain, host) not in seen:
            seen.add((domain, host))
            yield judge_spf(look_up_spf(domain, ask), _relay(host, ask) if host else None)


def _relay(host: str, ask: Ask) -> Relay:
    if is_loopback(host):
        return Relay(host)
    texts = (text for answer in addresses_of(host, ask) for text in answer.records)
    return Relay(host, tuple(texts), known_relay(host))


def _mailboxes(settings: Settings, ask: Ask) -> Iterator[Check]:
    used: dict[str, dict[str, None]] = {}
    for sender in settings.senders.values():
        for address in filter(None, (sender.address, sender.reply_to)):
            used.setdefault(_domain(address), {})[address] = None
    yield from (judge_mailbox(look_up_mailbox(domain, ask), tuple(addresses)) for domain, addresses in used.items())


def _private_files(house: House) -> tuple[PrivateFile, ...]:
    references = house.workspace.settings.secrets
    permissions = [permission_of(name) for name in house.workspace.settings.senders]
    paths = {house.root / each.name: None for each in (*references, *permissions) if each.kind == "file"}
    paths |= {link_key_file(house.data): None, address_key_file(house.data): None}
    if house.store.path is not None:
        paths |= {house.store.path.with_name(house.store.path.name + ending): None for ending in ("", "-wal", "-shm")}
    return tuple(PrivateFile(path, _mode(path)) for path in paths)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except OSError:
        return None


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
