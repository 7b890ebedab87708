"""Who opened a mail: by what it says, where it comes from, when, and what it does besides."""

import ipaddress
import tomllib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.vocabulary import Visitor
from nurture.web import visitors
from nurture.web.visitors import Touch, Visit, judge, judge_together, networks, program_family, shortened

SENT = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
OUTLOOK = "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.5134; ms-office; MSOffice 16)"
PREFETCH = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
OWN = networks(["203.0.113.7", "2001:db8:5::/48"])


def visit(
    agent: str = CHROME, *, link: int | None = 1, after: float = 3600, method: str = "GET", address: str | None = None
) -> Visit:
    return Visit(link, SENT + timedelta(seconds=after), method, agent, address)


@pytest.mark.parametrize(
    ("one", "visitor", "sure"),
    [
        (visit(), "person", True),
        (visit(IPHONE, link=None), "person", True),
        (visit(OUTLOOK, link=None), "person", True),
        (visit("CUBOT_X18 Mozilla/5.0 Chrome/140.0 Mobile Safari"), "person", True),
        (visit("Thunderbird/140.0", link=None, address="17.58.1.1"), "privacy_relay", True),
        (visit(address="17.58.1.1"), "person", True),  # a relay does not follow links; whoever does is a person
        (visit("Mozilla/5.0", link=None), "privacy_relay", True),
        (visit(PREFETCH, link=None, after=1), "privacy_relay", True),
        (visit("Firefox/11.0 (via ggpht.com GoogleImageProxy)", link=None), "mail_proxy", True),
        (visit("YahooMailProxy; https://help.yahoo.com", link=None), "mail_proxy", True),
        (visit(address="66.249.84.1"), "scanner", False),  # Google follows links for itself, people by its networks too
        (visit(address="40.107.218.12"), "scanner", True),
        (visit(link=0), "scanner", True),
        (visit(method="HEAD"), "scanner", True),
        (visit("", link=None), "scanner", True),
        (visit("python-requests/2.32"), "scanner", True),
        (visit("Mozilla/5.0 (compatible; bingbot/2.0)"), "scanner", True),
        (visit("Mozilla/5.0 HeadlessChrome/140.0"), "scanner", True),
        (visit(after=4), "scanner", False),
        (visit(after=-1), "scanner", False),
        (visit(link=None, after=4), "scanner", False),
        (visit("curl/8", address="203.0.113.7"), "own_office", True),
        (visit(address="::ffff:203.0.113.7"), "own_office", True),
        (visit(address="[2001:db8:5::9]"), "own_office", True),
        (visit(address="not an address"), "person", True),
    ],
)
def test_one_visit(one: Visit, visitor: str, sure: bool) -> None:
    found = judge(one, sent_at=SENT, own=OWN)
    assert (found.visitor, found.sure) == (visitor, sure)
    assert found.why


def test_before_the_mail_has_left_nobody_can_read_it() -> None:
    assert judge(visit(), sent_at=None, own=()).visitor is Visitor.SCANNER


def touches(*links: tuple[int | None, float]) -> list[Touch]:
    return [Touch(link, SENT + timedelta(seconds=at), Visitor.PERSON) for link, at in links]


@pytest.mark.parametrize(
    ("found", "machines"),
    [
        (touches((1, 0), (2, 0.5), (3, 1.9)), {0, 1, 2}),
        (touches((3, 1.9), (1, 0), (2, 0.5), (4, 60)), {0, 1, 2}),
        (touches((1, 0), (2, 1)), set()),
        (touches((1, 0), (1, 0.5), (1, 1), (2, 1.5)), set()),  # one link again and again is an impatient person
        (touches((1, 0), (2, 1.5), (3, 3)), set()),
        (touches((1, 0), (2, 1.5), (3, 2.5), (4, 3)), {1, 2, 3}),
        (touches((None, 0), (1, 5), (0, 20), (2, 60)), {0, 1, 2}),  # the hidden link itself is judged alone, too
    ],
)
def test_visits_together(found: list[Touch], machines: set[int]) -> None:
    assert set(judge_together(found)) == machines


@given(st.lists(st.tuples(st.sampled_from([None, 0, 1, 2, 3, 4]), st.floats(0, 100)), max_size=12), st.randoms())
def test_the_order_in_which_visits_are_written_changes_nothing(found, random) -> None:
    order = list(range(len(found)))
    random.shuffle(order)
    plain, mixed = touches(*found), touches(*(found[place] for place in order))
    assert {order[place] for place in judge_together(mixed)} == set(judge_together(plain))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.77", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("::ffff:198.51.100.77", "198.51.100.0/24"),
        ("unknown", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_shortened(address: str | None, network: str | None) -> None:
    assert shortened(address) == network


def test_programs_are_kept_by_their_family_alone() -> None:
    assert [program_family(agent) for agent in (CHROME, IPHONE, OUTLOOK, "x")] == [
        "Chrome",
        "Apple Mail",
        "Outlook",
        "other",
    ]


def test_every_list_says_where_it_comes_from() -> None:
    data = tomllib.loads((Path(visitors.__file__).parent / "networks.toml").read_text())
    for known in (*data["networks"], *data["programs"]):
        assert Visitor(known["visitor"])
        assert known["source"]
        assert isinstance(known["noted"], date)
    assert all(ipaddress.ip_network(each) for known in data["networks"] for each in known["list"])
