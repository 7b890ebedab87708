"""Checks within ``nurture.yaml`` that need more than one value, or the files it names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from nurture.errors import Problem
from nurture.workspace.document import Document
from nurture.workspace.fields import TlsMode
from nurture.workspace.hours import EVENING, MORNING, OpeningHours
from nurture.workspace.mailbox import Imap
from nurture.workspace.paths import confined_path
from nurture.workspace.presets import ReturnPath, presets
from nurture.workspace.providers import KNOWN
from nurture.workspace.public_url import LOOPBACK
from nurture.workspace.settings import Feed, Sender, Settings, Smtp
from nurture.workspace.suggestions import did_you_mean

LONGEST_PLUS = 64 - len("+b.") - 32  # RFC 5321 4.5.3.1.1, with a token of 32 characters (composing.return_path)
IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif")
# What countries register names under, as in `clinic.co.uk`.
_REGISTRIES = frozenset({"ac", "co", "com", "edu", "go", "gob", "gov", "ltd", "me", "ne", "net", "nhs", "or", "org"})


def check_settings(root: Path, settings: Settings, document: Document) -> Iterator[Problem]:
    """Every problem of the settings that a single value does not show."""
    images: dict[tuple[str, ...], str | None] = {("brand", "logo"): settings.brand.logo}
    images |= {("staff", name, "photo"): person.photo for name, person in settings.staff.items()}
    for place, image in images.items():
        if image is not None:
            yield from _image(root, place, image, document)
    for name, sender in settings.senders.items():
        yield from _sender(name, sender, settings, document)
    for name, feed in settings.feeds.items():
        yield from _feed(root, name, feed, document)
    yield from _told(settings, document)
    yield from _mailbox(settings, document)
    yield from _providers(settings, document)
    yield from check_window(settings.window.hours, document)
    if settings.database.startswith("postgresql") and urlsplit(settings.database).password:
        yield document.problem(("database",), "this address holds a password; write `env:NAME` or `file:PATH` instead")


def check_window(hours: OpeningHours, document: Document) -> Iterator[Problem]:
    """A window in the night, or one that never opens; ``document`` holds it under ``window``."""
    place = ("window", "hours")
    spans = [span for day in hours.spans for span in day]
    if not spans:
        yield document.problem(place, "this window never opens; nothing could ever leave")
    if any(start < MORNING or end > EVENING for start, end in spans):
        yield document.problem(place, "nothing is sent from 21:00 to 07:00; keep the window between them")


def _image(root: Path, place: tuple[str, ...], name: str, document: Document) -> Iterator[Problem]:
    try:
        confined_path(root, name)
    except ValueError as error:
        yield document.problem(place, str(error))
        return
    if not name.lower().endswith(IMAGE_ENDINGS):
        what = place[-1]
        yield document.problem(place, f"a {what} must be PNG, JPEG or GIF; many mail programs show no other")


def _sender(name: str, sender: Sender, settings: Settings, document: Document) -> Iterator[Problem]:
    place = ("senders", name)
    if sender.signer is not None and sender.signer not in settings.staff:
        hint = did_you_mean(sender.signer, settings.staff) or "; add the person under `staff`"
        yield document.problem((*place, "signer"), f"unknown signer `{sender.signer}`{hint}")
    yield from _dkim(place, sender, document)
    yield from _return_path(place, sender, document)
    smtp = sender.smtp
    if smtp is None:
        return
    if smtp.tls is TlsMode.NONE and smtp.host.lower() not in LOOPBACK:
        yield document.problem((*place, "smtp", "tls"), "`none` is only for a server on this machine; use `starttls`")
    yield from _login((*place, "smtp"), sender, smtp, document)


def _return_path(place: tuple[str, ...], sender: Sender, document: Document) -> Iterator[Problem]:
    if sender.verp and sender.address.rpartition("@")[0].count("+"):
        yield document.problem((*place, "verp"), "goes with an address that has no `+` in it")
    elif sender.verp and len(sender.address.rpartition("@")[0]) > LONGEST_PLUS:
        yield document.problem((*place, "verp"), f"goes with at most {LONGEST_PLUS} characters before the @ (RFC 5321)")
    elif sender.verp and sender.preset is not None and presets()[sender.preset].return_path is ReturnPath.REPLACED:
        words = f"does nothing with `{sender.preset}`: it puts a return path of its own in the place of ours"
        yield document.problem((*place, "verp"), words)


def _login(place: tuple[str, ...], sender: Sender, smtp: Smtp, document: Document) -> Iterator[Problem]:
    if smtp.password is not None and smtp.oauth is not None:
        yield document.problem((*place, "oauth"), "write `password` or `oauth`, not both", at_key=True)
    elif smtp.username is None and smtp.oauth is not None:
        yield document.problem(place, "`oauth` needs a `username`: the account that sends", at_key=True)
    elif sender.preset is not None and smtp.username and smtp.password is None and smtp.oauth is None:
        wanted = presets()[sender.preset].login
        yield document.problem(place, f"write `password` or `oauth`: {wanted}; see docs/senders.md", at_key=True)
    elif (smtp.username is None) != (smtp.password is None) and smtp.oauth is None:
        yield document.problem(place, "`username` and `password` belong together", at_key=True)


def _told(settings: Settings, document: Document) -> Iterator[Problem]:
    for number, name in enumerate(settings.replies.tell):
        person = settings.staff.get(name)
        if person is None:
            hint = did_you_mean(name, settings.staff) or "; add the person under `staff`"
            yield document.problem(("replies", "tell", number), f"unknown person `{name}`{hint}")
        elif person.address is None:
            yield document.problem(("replies", "tell", number), f"`{name}` has no `address` under `staff`")


def _mailbox(settings: Settings, document: Document) -> Iterator[Problem]:
    mailbox, reader = settings.mailbox, settings.replies_read_by
    if reader is not None and reader not in settings.staff:
        hint = did_you_mean(reader, settings.staff) or "; add the person under `staff`"
        yield document.problem(("replies_read_by",), f"unknown person `{reader}`{hint}")
    if mailbox is None:
        if "mailbox" in settings.model_fields_set and reader is None:
            words = "somebody must read the answers: write who, `replies_read_by: NAME`"
            yield document.problem(("mailbox",), words, at_key=True)
        return
    if reader is not None:
        words = "goes with `mailbox: none`; this mailbox is read by nurture"
        yield document.problem(("replies_read_by",), words, at_key=True)
    if (mailbox.imap is None) == (mailbox.maildir is None):
        yield document.problem(("mailbox",), "a mailbox has either `imap` or a `maildir`", at_key=True)
    imap = mailbox.imap
    if imap is not None and imap.tls is TlsMode.NONE and imap.host.lower() not in LOOPBACK:
        words = "`none` is only for a server on this machine; use `implicit`"
        yield document.problem(("mailbox", "imap", "tls"), words)
    if imap is not None:
        yield from _mailbox_login(imap, settings, document)


def _mailbox_login(imap: Imap, settings: Settings, document: Document) -> Iterator[Problem]:
    place = ("mailbox", "imap")
    if (imap.password is None) == (imap.permission_of is None):
        words = "write `password`, or `permission_of` with a sender that has `smtp.oauth`"
        yield document.problem(place, words, at_key=True)
    elif imap.permission_of is not None:
        sender = settings.senders.get(imap.permission_of)
        if sender is None:
            hint = did_you_mean(imap.permission_of, settings.senders) or "; it is a key under `senders`"
            yield document.problem((*place, "permission_of"), f"unknown sender `{imap.permission_of}`{hint}")
        elif sender.smtp is None or sender.smtp.oauth is None:
            words = f"`{imap.permission_of}` has no `smtp.oauth`, so there is no permission of it"
            yield document.problem((*place, "permission_of"), words)


def _dkim(place: tuple[str, ...], sender: Sender, document: Document) -> Iterator[Problem]:
    own = sender.address.rpartition("@")[2]
    names: set[tuple[str, str]] = set()
    for number, dkim in enumerate(sender.dkim):
        # one key stands there without a list around it, and then the number leads nowhere
        here: tuple[str | int, ...] = (*place, "dkim", number)
        domain = dkim.domain or own
        if not aligned(domain, own):
            yield document.problem(
                (*here, "domain"),
                f"{domain} does not belong to the From domain {own}, so its signature counts for nothing (DMARC); "
                f"use {own} or the domain above it",
            )
        name = (domain, dkim.selector.lower())
        if name in names:
            yield document.problem((*here, "selector"), "both keys have this selector; each key needs one of its own")
        names.add(name)


def aligned(signing: str, own: str) -> bool:
    """Whether a signature by ``signing`` counts for mails from the domain ``own`` (RFC 9989 4.4, relaxed).

    Both must have one organizational domain. Which part of a name that is only the
    DNS or a list of registries could tell; without them, a domain and those below it
    count as one, and so do neighbours below a name that is no common registry.
    """
    first, second = signing.lower().split("."), own.lower().split(".")
    shared = 0
    for one, other in zip(reversed(first), reversed(second), strict=False):
        if one != other:
            break
        shared += 1
    if shared == min(len(first), len(second)):
        return shared >= 2 or first == second
    registry = len(first[-1]) == 2 and first[-2] in _REGISTRIES
    return shared >= (3 if registry else 2)


def _providers(settings: Settings, document: Document) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for name, provider in settings.providers.items():
        if not provider.domains and name not in KNOWN:
            hint = did_you_mean(name, KNOWN) or ""
            yield document.problem(("providers", name), f"write its `domains`; {name} is not known{hint}", at_key=True)
        for number, domain in enumerate(provider.domains):
            if domain in taken:
                words = f"{domain} stands under `{taken[domain]}` already; a domain has one provider"
                yield document.problem(("providers", name, "domains", number), words)
            taken.setdefault(domain, name)


def _feed(root: Path, name: str, feed: Feed, document: Document) -> Iterator[Problem]:
    if (feed.url is None) == (feed.file is None):
        yield document.problem(("feeds", name), "a feed has either a `url` or a `file`", at_key=True)
    if feed.file is not None:
        try:
            confined_path(root, feed.file)
        except ValueError as error:
            yield document.problem(("feeds", name, "file"), str(error))
