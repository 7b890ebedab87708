"""Whether what is proven belongs to the From that readers see (RFC 9989 4.4, 4.10.2; pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nurture.doctor.checks import LATER, Check, Judge
from nurture.doctor.dmarc import DmarcWalk
from nurture.doctor.relays import KnownRelay
from nurture.workspace.providers import KNOWN


@dataclass(frozen=True, slots=True)
class Identity:
    """The domains of a sender's mails; ``signing`` holds d= of each of its keys."""

    sender: str
    author: str  # of From
    envelope: str
    signing: tuple[str, ...]
    relay: KnownRelay | None = None


def judge_alignment(identity: Identity, walks: Mapping[str, DmarcWalk]) -> Check:
    """Whether a signature, or else the envelope, counts for the From domain; ``walks`` has all of these domains."""
    judge = Judge("alignment", identity.sender)
    author = walks[identity.author]
    unanswered = [walks[name].failure for name in {identity.author, *identity.signing, identity.envelope}]
    strangers = [name for name in (*identity.signing, identity.envelope) if name != identity.author]
    if strangers and any(unanswered):  # equal domains are aligned whatever the DNS says
        return judge.unknown(
            f"which organization {identity.author} and {strangers[0]} belong to is not known",
            LATER,
        )
    tags = author.record.tags if author.record else {}
    signed = [name for name in identity.signing if _aligned(name, author, walks, strict=tags.get("adkim") == "s")]
    seen = f"From {identity.author}, DKIM d= {', '.join(identity.signing) or 'none of ours'}"
    if identity.signing:
        if len(signed) == len(identity.signing):
            return judge.ok(seen)
        wrong = next(name for name in identity.signing if name not in signed)
        what = f"senders.{identity.sender}.dkim: sign with {identity.author} instead of {wrong}."
        words = f"{seen}: {wrong} does not belong to the From domain"
        return judge.warn(words, what) if signed else judge.fail(words, what)
    if identity.relay is not None and identity.relay.own_envelope:
        return judge.unknown(
            f"{seen}: {identity.relay.name} uses an envelope address of its own, so its DKIM signature must match",
            f"Turn DKIM for {identity.author} on at {identity.relay.name}, or sign here: nurture dkim new.",
        )
    if _aligned(identity.envelope, author, walks, strict=tags.get("aspf") == "s"):
        return judge.ok(f"{seen}, envelope {identity.envelope}")
    return judge.fail(f"{seen}, envelope {identity.envelope}", "Sign the mails: nurture dkim new.")


def judge_author(identity: Identity) -> Check | None:
    """What speaks against a From of a free mailbox provider; None for a domain of one's own."""
    provider = next((name for name, domains in KNOWN.items() if identity.author in domains), None)
    if provider is None:
        return None
    judge = Judge("from", identity.sender)
    mend = "Send from a domain of your own, whose DNS you can set."
    if identity.relay is not None and identity.relay.mailboxes == provider:
        return judge.warn(f"{identity.author} belongs to {provider}, who allows few mails to private mailboxes", mend)
    return judge.fail(f"{identity.author} belongs to {provider}; mails from it by other servers count as forged", mend)


def _aligned(domain: str, author: DmarcWalk, walks: Mapping[str, DmarcWalk], *, strict: bool) -> bool:
    if strict or domain == author.domain:
        return domain == author.domain
    return walks[domain].organization == author.organization
