"""A master file (RFC 1035 5) in the place of the DNS: for tests, and for looking before publishing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.tokenizer
import dns.transaction
import dns.zonefile
from dns.rdtypes.ANY.CNAME import CNAME

from nurture.doctor.answers import Answer, Found
from nurture.doctor.checks import shown
from nurture.doctor.resolving import Question, answered, failed
from nurture.errors import InputError

_LARGEST = 5_000_000  # octets
_TTL = 3600  # seconds; nobody asks for it, but a record needs one
_Node = dict[dns.rdatatype.RdataType, list[dns.rdata.Rdata]]
_Nodes = dict[dns.name.Name, _Node]


def zone_file_question(path: Path) -> Question:
    """Questions that a file answers; its names may lie in any domain, and are complete unless $ORIGIN stands above.

    In a domain of the file, a name that is not in it does not exist; about others
    nothing is known. $INCLUDE is refused. Raises `InputError` with the line.
    """
    nodes = _read(path)
    domains = _domains(nodes)

    def question(name: dns.name.Name, kind: str) -> Answer | dns.name.Name:
        text = name.to_text(omit_final_dot=True)
        node = _node(nodes, name)
        if node is not None:
            for alias in node.get(dns.rdatatype.CNAME, ()):
                assert isinstance(alias, CNAME)
                return alias.target
            return answered(text, kind, node.get(dns.rdatatype.from_text(kind), ()))
        if any(other.is_subdomain(name) for other in nodes):
            return Answer(text, kind, Found.NO_RECORDS)  # a name between two others (RFC 4592 2.2.2)
        if not _covered(domains, name):
            return failed(text, kind, f"{path.name} says nothing about this name")
        return Answer(text, kind, Found.NO_NAME)

    return question


def _read(path: Path) -> _Nodes:
    try:
        if path.stat().st_size > _LARGEST:
            raise InputError(f"{path} is larger than {_LARGEST // 1_000_000} MB; a zone of a clinic is not")
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no zone file: it is no text in UTF-8") from error
    except OSError as error:
        raise InputError(f"the zone file {path} cannot be read: {error.strerror}") from error
    records = _Records(dns.zonefile.RRSetsReaderManager(), True, False)
    reader = dns.zonefile.Reader(
        dns.tokenizer.Tokenizer(text, path.name),
        dns.rdataclass.IN,
        records,
        allow_directives=("$ORIGIN", "$TTL"),
        default_ttl=_TTL,
    )
    try:
        reader.read()
    except (dns.exception.DNSException, ValueError) as error:
        raise InputError(f"the zone file is no good at {shown(str(error))}, or in the line above") from error
    return records.nodes


class _Records(dns.zonefile.RRsetsReaderTransaction):
    """Takes records of many domains; dnspython's own zones have one, and refuse a SOA of another."""

    def __init__(self, manager: dns.transaction.TransactionManager, replacement: bool, read_only: bool) -> None:
        super().__init__(manager, replacement, read_only)  # type: ignore[no-untyped-call]
        self.nodes: _Nodes = {}

    def add(self, *arguments: Any) -> None:  # noqa: ANN401 - as the class above
        """One record: its name, TTL and data."""
        name, _, record = arguments
        self.nodes.setdefault(name, {}).setdefault(record.rdtype, []).append(record)


def _node(nodes: _Nodes, name: dns.name.Name) -> _Node | None:
    """What stands at a name, or at the wildcard that covers it (RFC 4592 3.3.1)."""
    if name in nodes:
        return nodes[name]
    above = name
    while above != dns.name.root and not any(other.is_subdomain(above) for other in nodes):
        above = above.parent()
    return nodes.get(dns.name.from_text("*", above))


def _domains(nodes: _Nodes) -> frozenset[dns.name.Name]:
    """The domains that the file is about: those with a SOA, else all of its names that could be one."""
    owners = {name for name, node in nodes.items() if dns.rdatatype.SOA in node}
    return frozenset(owners or {name for name in map(_plain, nodes) if len(name) > 2})


def _covered(domains: frozenset[dns.name.Name], name: dns.name.Name) -> bool:
    """Whether the file would have the name: in one of its domains, or ``_dmarc`` of one above (RFC 9989 4.10)."""
    plain = _plain(name)
    return any(name.is_subdomain(domain) or (plain != name and domain.is_subdomain(plain)) for domain in domains)


def _plain(name: dns.name.Name) -> dns.name.Name:
    """The domain that a name with ``_`` labels tells about: ``clinic.example`` for ``_dmarc.clinic.example``."""
    service = [place for place, label in enumerate(name.labels) if label.startswith((b"_", b"*"))]
    return dns.name.Name(name.labels[service[-1] + 1 :]) if service else name
