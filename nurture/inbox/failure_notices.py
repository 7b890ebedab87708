"""Failure notices without the form of RFC 3464: what dozens of mail systems write in words of their own.

Not one format after the other, but what they share: a program's name as the
sender, words about a failure, the addresses on lines of their own or behind a
label, the reason beside them, and then the mail that came back. `flufl.bounce`
knows some twenty formats exactly and is asked first for the addresses.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes
from functools import cache

from nurture.inbox.addresses import addresses_in, first_address
from nurture.inbox.mail import Mail
from nurture.inbox.original import original_fields
from nurture.inbox.word_lists import any_of, read_words

_MAX_NOTICE = 20_000
_MAX_FOR_FLUFL = 200_000
_MAX_RECIPIENTS = 20  # a mail of ours has one
_RETURNED_FIELD = re.compile(
    r"(?:received|return-path|dkim-signature|message-id|x-\w[\w-]+|reporting-mta|final-recipient|original-recipient"
    r"|original-envelope-id|content-type):\s",
    re.IGNORECASE,
)
_WORD_WITH_AT = r"(?P<address>[^\s<>:;,\"'()\[\]]{1,128}@[^\s<>:;,\"'()\[\]]{1,200})"
_ALONE = re.compile(rf"^[\s>*\-+]{{0,12}}(?:<|\[|\"|'|mailto:)?{_WORD_WITH_AT}", re.IGNORECASE)
_QUOTED_TO = re.compile(r"^[> ]{0,4}to:[ \t]*(\S.{0,400})", re.IGNORECASE | re.MULTILINE)
_SERVER_SAID = re.compile(r"^\W{0,8}5\d\d[ -]{1,3}\S", re.MULTILINE)
_REPORT_FIELD = re.compile(
    r"^\s*(?:from|reply-to|sender|message-id|errors-to|return-path|cc|subject|references|x-\S+)\s*:", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class FailureNotice:
    """A failure notice: its own words, without the mail that came back, and each address with what stands beside it."""

    words: str
    recipients: tuple[tuple[str, str], ...]
    delayed: bool
    delivered: bool


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    table = read_words("failure_notices.toml")
    labels = any_of(table["addresses"]["labels"]).pattern
    return {
        "names": re.compile(table["sender"]["names"]),
        "shown": re.compile(table["sender"]["shown"]),
        "shared": re.compile(table["sender"]["shared"]),
        "labelled": re.compile(rf"(?:{labels})\W{{1,8}}(?:\S+ ){{0,2}}?<?{_WORD_WITH_AT}", re.IGNORECASE),
        "others": any_of(table["addresses"]["others"]),
        "list": re.compile(table["sender"]["list"]),
        "subject": any_of(table["subject"]["failure"]),
        "failure": any_of(table["body"]["failure"]),
        "other": any_of(table["body"]["other"]),
        "delayed": any_of(table["body"]["delayed"]),
        "delivered": any_of(table["body"]["delivered"]),
        "returned": any_of(table["lines"]["returned"]),
    }


def comes_from_a_mail_system(mail: Mail) -> bool:
    """Whether the sender is a program that delivers mails, by its name."""
    shown = mail.fields.text("from").lower()
    local = mail.sender.partition("@")[0]
    return (
        _patterns()["names"].fullmatch(local) is not None
        or (not mail.sender and ("mailer-daemon" in shown or "from" not in mail.fields))
        or _patterns()["shown"].search(shown.partition("<")[0]) is not None
    )


def failure_notice(mail: Mail) -> FailureNotice | None:
    """The notice that this mail is; None where it is none, or names nobody.

    A person who writes about a bounce, or quotes one, is no mail system: without
    the sender's name, an empty return path or ``X-Failed-Recipients`` words decide nothing.
    """
    words = notice_words(mail)
    if not _is_notice(mail, words):
        return None
    patterns = _patterns()
    recipients = tuple(_recipients(mail, words))
    delayed = patterns["delayed"].search(words) is not None
    return FailureNotice(words, recipients, delayed, not delayed and patterns["delivered"].search(words) is not None)


def _is_notice(mail: Mail, words: str) -> bool:
    patterns = _patterns()
    if "x-failed-recipients" in mail.fields:
        return True
    failed = patterns["failure"].search(words) is not None
    titled = patterns["subject"].search(mail.subject) is not None
    if patterns["other"].search(f"{mail.subject}\n{words[:2000]}") and not titled:
        return False
    returned = [value.strip().lower() for value in mail.fields.every("return-path")]
    nameless = bool(returned) and (returned[0] in ("", "<>") or "mailer-daemon" in returned[0])
    if comes_from_a_mail_system(mail):
        return failed or titled
    local = mail.sender.partition("@")[0]
    if patterns["shared"].fullmatch(local):
        return titled or (failed and (nameless or _SERVER_SAID.search(words) is not None))
    if patterns["list"].fullmatch(local):
        return titled and failed
    # people's programs have their names in From, too, but none of them writes such a subject
    return nameless and titled and failed and not _answers(mail)


def _answers(mail: Mail) -> bool:
    return "in-reply-to" in mail.fields or "references" in mail.fields


def notice_words(mail: Mail) -> str:
    """The words above the mail that came back."""
    lines: list[str] = []
    blank = True
    for line in mail.words[:_MAX_NOTICE].split("\n"):
        if len(line) < 200 and _patterns()["returned"].match(line) and any(map(str.strip, lines)):
            break
        if blank and _RETURNED_FIELD.match(line) and any(map(str.strip, lines)):
            break
        blank = not line.strip()
        lines.append(line)
    return "\n".join(lines)


def _recipients(mail: Mail, words: str) -> Iterable[tuple[str, str]]:
    named = [address for field in mail.fields.every("x-failed-recipients") for address in addresses_in(field)]
    ours = _not_recipients(mail)
    found = named or _by_flufl(mail) or _on_lines(words, ours) or _of_original(mail)
    seen: dict[str, str] = {}
    for address in found:
        if address.lower() not in seen:
            seen[address.lower()] = address
    kept = list(seen.values())[:_MAX_RECIPIENTS]
    return [(address, _beside(words, address, kept)) for address in kept]


def _not_recipients(mail: Mail) -> set[str]:
    """Addresses that a notice names beside the recipient's: ours, and the mail system's."""
    fields = ("to", "cc", "from", "reply-to", "sender", "return-path", "errors-to")
    return {address.lower() for name in fields for value in mail.fields.every(name) for address in addresses_in(value)}


def _of_original(mail: Mail) -> list[str]:
    """To whom the mail that came back was addressed, if to one only: the notice itself names nobody."""
    fields = original_fields(mail)
    if fields is not None:
        values = fields.every("to")
    else:
        rest = mail.words[len(notice_words(mail)) :]
        # a whole header may be of a mail that took another way since
        values = [] if "received:" in rest.lower() else _QUOTED_TO.findall(rest)
    found = [address for value in values for address in addresses_in(value)]
    return found if len(found) == 1 else []


def _by_flufl(mail: Mail) -> list[str]:
    """What flufl.bounce finds; nothing where the mail is too big or too odd for it."""
    from flufl.bounce import all_failures

    octets = mail.octets[:_MAX_FOR_FLUFL]
    if mail.cut or len(mail.parts) > 20:
        return []
    try:
        temporary, permanent = all_failures(message_from_bytes(octets))
    except Exception:  # noqa: BLE001 - somebody else's parser on a stranger's mail: one voice less
        return []
    found = sorted(permanent | temporary, key=lambda octet: (octets.find(octet), octet))
    return [address for octet in found if (address := first_address(octet.decode("utf-8", "replace")))]


def _on_lines(words: str, ours: set[str]) -> list[str]:
    """Addresses that stand alone on a line or begin one; else those behind a label; else any in the notice."""
    labelled, others = _patterns()["labelled"], _patterns()["others"]
    lines = [line for line in words.split("\n") if "@" in line and len(line) < 1000]
    first = [found["address"] for line in lines if (found := _ALONE.match(line)) and not others.search(found[0])]
    named = [
        found["address"]
        for line in lines
        if not _REPORT_FIELD.match(line)
        for found in labelled.finditer(line)
        if not others.search(line[: found.start("address")])
    ]
    anywhere = [
        address
        for line in lines
        if not others.search(line) and not _REPORT_FIELD.match(line)
        for address in addresses_in(line)
    ]
    for candidates in (first, named, anywhere):
        kept = [address for found in candidates for address in addresses_in(found) if address.lower() not in ours]
        if kept:
            return kept
    # who mails oneself
    return [address for found in first for address in addresses_in(found)][:1]


def _beside(words: str, address: str, others: list[str]) -> str:
    """The lines about ``address``: from its own on, up to the next recipient's; all where it stands on none."""
    lines = words.split("\n")
    lowered = [line.lower() for line in lines]
    foreign = [other.lower() for other in others if other.lower() != address.lower()]
    kept: list[str] = []
    for place, line in enumerate(lowered):
        if address.lower() not in line:
            continue
        if not foreign:
            return "\n".join(lines[place:])
        for following in range(place, min(place + 12, len(lines))):
            if any(other in lowered[following] for other in foreign):
                break
            kept.append(lines[following])
        if len(kept) > 40:
            break
    return "\n".join(kept) or words
