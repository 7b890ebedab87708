"""``--nameserver``: another DNS server than this machine's, for commands that ask the DNS."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from nurture.doctor.resolving import Question

Nameserver = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS[:PORT]",
        help="Ask this DNS server, for example your domain's own, in place of this machine's.",
    ),
]

# IPv4 or IPv6 in brackets, with or without a port; or IPv6 alone
_NAMESERVER = re.compile(r"(?:(?:([0-9.]+)|\[([0-9a-fA-F:.]+)\])(?::([0-9]{1,5}))?)|([0-9a-fA-F:.]+)")


def dns_question(nameserver: str | None) -> Question:
    """Questions to the DNS server that somebody named, else to this machine's; `InputError` if it is no address."""
    from ipaddress import ip_address

    from nurture.doctor.resolving import network_question
    from nurture.errors import InputError

    if nameserver is None:
        return network_question()
    try:
        if (named := _NAMESERVER.fullmatch(nameserver)) is None:
            raise ValueError(nameserver)
        address = ip_address(named[1] or named[2] or named[4])
        number = int(named[3] or 53)
        if not 0 < number < 65536:
            raise ValueError(number)
    except ValueError:
        raise InputError(
            f"--nameserver {nameserver}: it takes an IP address, with or without a port: 192.0.2.1, 192.0.2.1:5353, "
            "[2001:db8::1]:53"
        ) from None
    return network_question([str(address)], port=number)
