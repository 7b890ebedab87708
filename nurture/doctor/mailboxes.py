"""Whether answers can come back: MX of the domains that stand in From and Reply-To (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from nurture.doctor.answers import Answer
from nurture.doctor.checks import LATER, Check, Judge, shown


@dataclass(frozen=True, slots=True)
class MailHost:
    """A host that takes a domain's mail, and its A and AAAA records."""

    name: str
    addresses: tuple[Answer, ...]

    @property
    def reachable(self) -> bool | None:
        """Whether it has an address; None if that is not known."""
        if any(answer.records for answer in self.addresses):
            return True
        return None if any(answer.failed for answer in self.addresses) else False


@dataclass(frozen=True, slots=True)
class MailboxLookup:
    """The MX records of ``domain``, and the hosts that they name: the domain itself where there is none."""

    domain: str
    answer: Answer
    hosts: tuple[MailHost, ...]


def exchanges(answer: Answer) -> tuple[str, ...]:
    """The hosts in the order of their preference; "" is the null MX."""
    pairs = [record.partition(" ") for record in answer.records]
    ordered = sorted(pairs, key=lambda pair: int(pair[0]) if pair[0].isdecimal() else 0)
    return tuple(host.rstrip(".").lower() for _, _, host in ordered)


def judge_mailbox(lookup: MailboxLookup, addresses: tuple[str, ...]) -> Check:
    """Whether mail to ``addresses``, all in this domain, can arrive."""
    judge = Judge("mx", lookup.domain)
    used = " and ".join(addresses[:3])
    mend = f"Publish the MX records that your mailbox provider names: answers to {used} are lost without them."
    answer = lookup.answer
    if answer.failed:
        return judge.unknown(f"MX of {lookup.domain}: {shown(answer.words)}", LATER)
    names = exchanges(answer)
    if "" in names:
        # RFC 7505 3: it must stand alone; beside others it is a mistake
        return judge.fail(f"{lookup.domain} has a null MX (0 .): it takes no mail at all (RFC 7505)", mend)
    dead = [host.name for host in lookup.hosts if host.reachable is False]
    if answer.missing:
        if lookup.hosts and lookup.hosts[0].reachable:
            return judge.warn(
                f"{lookup.domain} has no MX record, only an address, where few servers try (RFC 5321 5.1)", mend
            )
        if dead:
            return judge.fail(f"{lookup.domain} has neither an MX record nor an address", mend)
        return judge.unknown(f"{lookup.domain} has no MX record, and its address is not known")
    seen = ", ".join(shown(record, 80) for record in answer.records[:5])
    if len(dead) == len(lookup.hosts):
        what = f"Give these hosts an address (A or AAAA), or name others: answers to {used} are lost without it."
        return judge.fail(f"{seen}: none of these hosts has an address", what)
    if dead:
        what = f"Take the record of {shown(dead[0], 80)} out, or give that host an address."
        return judge.warn(f"{seen}: {shown(dead[0], 80)} has no address", what)
    return judge.ok(seen)
