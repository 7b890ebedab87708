"""Whether the public half of each signing key is in the DNS (RFC 6376 3.6.1, RFC 8463; pure)."""

from __future__ import annotations

from collections.abc import Mapping

from nurture.composing.dkim_keys import DnsRecord
from nurture.doctor.answers import Answer
from nurture.doctor.checks import LATER, Check, Judge, shown
from nurture.doctor.tags import parse_tags

_NAME = "dkim"


def judge_key(sender: str, record: DnsRecord, answer: Answer) -> Check:
    """Whether ``answer``, the TXT records at ``record.name``, has the key that ``record`` publishes."""
    judge = Judge(_NAME, f"{sender}, {record.name}")
    publish = "Publish this TXT record and wait until it can be seen; receivers cannot verify the signature without it."
    if answer.failed:
        return judge.unknown(f"{record.name}: {shown(answer.words)}", LATER)
    if answer.missing:
        return judge.fail(f"there is no TXT record at {record.name}", publish, record)
    if len(answer.records) > 1:
        texts = " | ".join(shown(text, 60) for text in answer.records[:4])
        return judge.fail(
            f"{len(answer.records)} TXT records at one name: {texts}",
            "Leave only this one: with several, each receiver takes another (RFC 6376 3.6.2.2).",
            record,
        )
    seen = shown(answer.records[0], 120)
    try:
        found = parse_tags(answer.records[0])
    except ValueError as error:
        return judge.fail(f"{seen}: {error}", "Put this record in its place.", record)
    fault = _fault(found, parse_tags(record.value))
    if fault:
        return judge.fail(
            f"{seen}: {fault}", "Put this record in its place, or sign with the key that it names.", record
        )
    if "y" in _list(found, "t"):
        return judge.warn(
            f"{seen}: t=y says that the domain only tests DKIM",
            "Take t=y out of the record when you go live (RFC 6376 3.6.1).",
            record,
        )
    return judge.ok(seen)


def judge_keys_of(sender: str, algorithms: tuple[str, ...], *, relay: str | None) -> Check | None:
    """What the set of a sender's keys lacks; None if nothing. ``relay`` is its mail server."""
    judge = Judge(_NAME, sender)
    if not algorithms:
        where = f"{relay} must" if relay else "your mail server must"
        return judge.unknown(
            f"nurture signs nothing here, so {where}, and that cannot be seen from here",
            "Send yourself a mail and look for DKIM-Signature with d= and your domain in its source, "
            "or let nurture sign: nurture dkim new.",
        )
    if "rsa-sha256" not in algorithms:
        return judge.warn(
            "signed with Ed25519 only",
            "Add an RSA key (nurture dkim new): many receivers cannot verify Ed25519 yet (RFC 8463).",
        )
    return None


def _fault(found: Mapping[str, str], ours: Mapping[str, str]) -> str | None:
    """Why receivers would not verify our signature with this record (RFC 6376 3.6.1)."""
    if "v" in found and (next(iter(found)) != "v" or found["v"] != "DKIM1"):
        return "v= must come first, and be DKIM1"
    if "p" not in found:
        return "it has no key (p=)"
    if not found["p"]:
        return "p= is empty, which means that this key was revoked"
    kind = found.get("k", "rsa")
    if kind != ours["k"]:
        return f"it holds a key of the kind {shown(kind, 20)}, and nurture signs with {ours['k']}"
    if "".join(found["p"].split()) != ours["p"]:
        return "its key is not the one that nurture signs with"
    if "h" in found and "sha256" not in _list(found, "h"):
        return "h= does not allow sha256"
    if "s" in found and not {"*", "email"} & set(_list(found, "s")):
        return "s= does not allow mail"
    return None


def _list(tags: Mapping[str, str], name: str) -> list[str]:
    return [word.strip() for word in tags.get(name, "").split(":")]
