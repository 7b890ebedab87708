"""A DNS server on loopback, over UDP and TCP, that answers each question as a test says."""

import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

# Makes the answer to a query; None says nothing. The second word tells whether it came over TCP.
Reply = Callable[[dns.message.Message, bool], dns.message.Message | bytes | None]


@dataclass
class DnsServer:
    """Answers ``name kind`` by `replies`, everything else with NXDOMAIN; `asked` has what came, with its transport."""

    port: int = 0
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, wire: bytes, *, tcp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = f"{question.name.to_text(omit_final_dot=True)} {dns.rdatatype.to_text(question.rdtype)}"
        self.asked.append((name, "tcp" if tcp else "udp"))
        made = self.replies.get(name, error("NXDOMAIN"))(query, tcp)
        return made.to_wire() if isinstance(made, dns.message.Message) else made


def records(*lines: str, truncated: bool = False) -> Reply:
    """The answer section as zone lines: ``name ttl IN TYPE data``; over UDP cut off where ``truncated``."""

    def reply(query: dns.message.Message, tcp: bool) -> dns.message.Message:
        made = dns.message.make_response(query)
        if truncated and not tcp:
            made.flags |= dns.flags.TC
            return made
        for line in lines:
            owner, ttl, kind, kept, data = line.split(" ", 4)
            made.answer.append(dns.rrset.from_text(owner, int(ttl), kind, kept, data))
        return made

    return reply


def error(code: str) -> Reply:
    """SERVFAIL, REFUSED, NXDOMAIN ..."""

    def reply(query: dns.message.Message, tcp: bool) -> dns.message.Message:
        made = dns.message.make_response(query)
        made.set_rcode(dns.rcode.from_text(code))
        return made

    return reply


def silence(query: dns.message.Message, tcp: bool) -> None:
    """Never an answer."""


@contextmanager
def serve_dns() -> Iterator[DnsServer]:
    """A running server; its replies may change while it runs."""
    found = DnsServer()

    class Udp(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, connection = self.request
            if (made := found.answer(wire, tcp=False)) is not None:
                connection.sendto(made, self.client_address)

    class Tcp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            (length,) = struct.unpack("!H", self.rfile.read(2))
            if (made := found.answer(self.rfile.read(length), tcp=True)) is not None:
                self.wfile.write(struct.pack("!H", len(made)) + made)

    with _pair(Udp, Tcp) as (udp, tcp):
        found.port = udp.server_address[1]
        threads = [
            threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
            for one in (udp, tcp)
        ]
        for thread in threads:
            thread.start()
        try:
            yield found
        finally:
            for one in (udp, tcp):
                one.shutdown()
            for thread in threads:
                thread.join()


@contextmanager
def _pair(
    udp: type[socketserver.BaseRequestHandler], tcp: type[socketserver.BaseRequestHandler]
) -> Iterator[tuple[socketserver.BaseServer, socketserver.BaseServer]]:
    """Both on one port, which somebody else may take in between."""
    for _ in range(20):
        first = socketserver.UDPServer(("127.0.0.1", 0), udp)
        try:
            second = socketserver.TCPServer(first.server_address, tcp)
        except OSError:
            first.server_close()
            continue
        with first, second:
            yield first, second
        return
    raise OSError("no port is free for both UDP and TCP")
