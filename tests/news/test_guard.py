"""Only public addresses are dialed, however the address is dressed up."""

import ipaddress

import pytest

from nurture.errors import FeedError
from nurture.news.guard import is_public, resolve


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
        ),
        *("192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.1", "203.0.113.9"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1", "100::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::1", "2002:a00:1::1", "::127.0.0.1"),
        "2001:0:a00:1:0:0:f5ff:fffe",  # Teredo to 10.0.0.1
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "localhost"])
def test_other_spellings_of_this_machine_are_seen_through(host: str) -> None:
    assert not any(map(is_public, resolve(host, 80)))


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "x" * 300])
def test_a_name_without_address_is_said(host: str) -> None:
    with pytest.raises(FeedError, match="no address is known"):
        resolve(host, 80)
