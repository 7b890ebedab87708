"""Which addresses a feed may be fetched from: public ones only (pure, but for `resolve`).

A feed's address comes from a file, but its redirects and its DNS answers come
from strangers: none may make this machine talk to itself or to its network.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence

from nurture.errors import FeedError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[IPAddress]]  # host, port
Allow = Callable[[IPAddress], bool]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052 2.1


def is_public(address: IPAddress) -> bool:
    """Whether an address is on the open internet (IANA's special-purpose registries, RFC 6890).

    An IPv6 address that carries an IPv4 one (mapped, 6to4, Teredo, NAT64) is judged by both.
    """
    if isinstance(address, ipaddress.IPv6Address):
        carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        inner = [found for found in carried if found is not None]
        if inner:
            return all(map(is_public, inner))
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def resolve(host: str, port: int) -> Sequence[IPAddress]:
    """The addresses of a host by the machine's resolver; raises `FeedError` if it has none."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FeedError(f"no address is known for {host}; check the spelling and the network") from error
    texts = dict.fromkeys(str(answer[4][0]) for answer in answers)
    return [ipaddress.ip_address(text) for text in texts]
