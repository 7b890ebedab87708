"""Following what DNS records name: includes of SPF, parents for DMARC, hosts of MX. ``ask`` is the only way out."""

from __future__ import annotations

from dataclasses import dataclass

from nurture.doctor.answers import Answer, Ask
from nurture.doctor.dmarc import DmarcWalk, dmarc_record, walk_names
from nurture.doctor.mailboxes import MailboxLookup, MailHost, exchanges
from nurture.doctor.spf import MOST_LOOKUPS, SpfStep, SpfTree
from nurture.doctor.spf_record import Term

_HOSTS = 5  # of a domain's MX that are looked at
_SPF_HOSTS = 10  # of one `mx` term (RFC 7208 4.6.4)
_REPORTS = 3  # addresses of rua that are looked at


def look_up_spf(domain: str, ask: Ask) -> SpfTree:
    """The SPF record and all that it includes; twice as many lookups as are allowed are followed."""
    return _SpfWalk(ask, 2 * MOST_LOOKUPS).tree(domain.lower(), ())


def look_up_dmarc(domain: str, ask: Ask) -> DmarcWalk:
    """The questions of the tree walk (RFC 9989 4.10), and whether foreign domains take its reports (RFC 9990 4)."""
    answers: list[tuple[str, Answer]] = []
    for name in walk_names(domain):
        answer = ask(f"_dmarc.{name}", "TXT")
        answers.append((name, answer))
        record = dmarc_record(name, answer)
        if record is not None and record.tags.get("psd") in ("y", "n"):
            break
    walk = DmarcWalk(walk_names(domain)[0], tuple(answers))
    record = walk.record
    if record is None:
        return walk
    foreign = {address.rpartition("@")[2].lower() for address in record.reports_to[:_REPORTS]}
    foreign = {name for name in foreign if not f".{name}".endswith(f".{walk.organization}")}
    permits = tuple((name, ask(f"{record.domain}._report._dmarc.{name}", "TXT")) for name in sorted(foreign))
    return DmarcWalk(walk.domain, walk.answers, permits)


def look_up_mailbox(domain: str, ask: Ask) -> MailboxLookup:
    """The MX records of a domain and the addresses of their hosts; without MX, those of the domain itself."""
    answer = ask(domain, "MX")
    names = (domain,) if answer.missing else tuple(filter(None, exchanges(answer)))[:_HOSTS]
    return MailboxLookup(domain, answer, tuple(MailHost(name, addresses_of(name, ask)) for name in names))


def addresses_of(name: str, ask: Ask) -> tuple[Answer, ...]:
    """The A and AAAA records of a host."""
    return ask(name, "A"), ask(name, "AAAA")


@dataclass
class _SpfWalk:
    ask: Ask
    left: int

    def tree(self, domain: str, above: tuple[str, ...]) -> SpfTree:
        found = SpfTree(domain, self.ask(domain, "TXT"))
        steps: list[SpfStep] = []
        for term in found.record.asking if found.record else ():
            if self.left == 0:
                return SpfTree(domain, found.answer, tuple(steps), cut=True)
            self.left -= 1
            steps.append(self._step(term, domain, (*above, domain)))
        cut = any(step.inner is not None and step.inner.cut for step in steps)
        return SpfTree(domain, found.answer, tuple(steps), cut=cut)

    def _step(self, term: Term, domain: str, path: tuple[str, ...]) -> SpfStep:
        target = term.value.rstrip(".").lower() or domain
        if term.has_macro or term.name == "ptr":
            return SpfStep(term)  # depends on the mail
        if term.name in ("include", "redirect"):
            return SpfStep(term, circle=True) if target in path else SpfStep(term, self.tree(target, path))
        if term.name == "exists":
            return SpfStep(term, answers=(self.ask(target, "A"),))
        if term.name == "a":
            return SpfStep(term, answers=addresses_of(target, self.ask))
        hosts = self.ask(target, "MX")
        names = filter(None, exchanges(hosts)[:_SPF_HOSTS])
        return SpfStep(term, answers=(hosts, *(answer for name in names for answer in addresses_of(name, self.ask))))
