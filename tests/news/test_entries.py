"""RSS and Atom become bounded, harmless entries with ids that stay; everything else is refused in words."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nurture.errors import FeedError
from nurture.news.entries import HTML_LENGTH, NEWEST, SUMMARY_LENGTH, TITLE_LENGTH, parse_feed
from nurture.store.news import FeedEntry

SALEM = ZoneInfo("America/Los_Angeles")
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom"><title>Wire</title><id>urn:wire</id><updated>2026-12-01T00:00:00Z</updated>
<entry><id>urn:1</id><title type="html">Balance &amp;amp; &lt;b&gt;strength&lt;/b&gt;</title>
<link href="/2026/balance"/><published>2026-12-02T05:00:00Z</published><updated>2026-12-09T05:00:00Z</updated>
<summary>A plain &lt;summary&gt;.</summary>
<content type="html">&lt;p onclick="x"&gt;Long &lt;a href="more"&gt;words&lt;/a&gt;&lt;script&gt;alert(1)&lt;/script&gt;</content>
</entry></feed>"""


def rss(*items: str) -> bytes:
    return f"<rss version='2.0'><channel><title>Wire</title>{''.join(items)}</channel></rss>".encode()


def parse(body: bytes | str, base: str | None = "https://wire.example/feed.xml") -> tuple[FeedEntry, ...]:
    return parse_feed(body.encode() if isinstance(body, str) else body, feed="wire", zone=SALEM, base=base)


def test_an_atom_entry() -> None:
    (entry,) = parse(ATOM)
    assert entry.title == "Balance & strength"
    assert entry.summary == "A plain <summary>."
    assert entry.html == '<p>Long <a href="https://wire.example/2026/more">words</a></p>'
    assert entry.link == "https://wire.example/2026/balance"
    assert entry.published_on == date(2026, 12, 1)  # still the day before in Salem
    assert entry.news_id.startswith("feed:wire:")
    assert len(entry.news_id.rpartition(":")[2]) == 16


def test_an_rss_item_with_its_content() -> None:
    item = """<item><title>One form</title><guid>g1</guid><link>https://wire.example/form</link>
    <pubDate>Mon, 21 Dec 2026 18:00:00 GMT</pubDate><description>Short.</description>
    <content:encoded xmlns:content="http://purl.org/rss/1.0/modules/content/"><![CDATA[<h1>Long</h1><p>words]]></content:encoded></item>"""
    (entry,) = parse(rss(item))
    assert (entry.title, entry.summary, entry.published_on) == ("One form", "Short.", date(2026, 12, 21))
    assert entry.html == "<h2>Long</h2><p>words</p>"


def test_the_id_stays_when_the_words_change() -> None:
    first, second = (parse(rss(f"<item><guid>g1</guid><title>{title}</title></item>"))[0] for title in ("Old", "New"))
    other = parse(rss("<item><guid>g2</guid><title>Old</title></item>"))[0]
    assert first.news_id == second.news_id != other.news_id


def test_the_newest_are_taken_and_each_once() -> None:
    items = [
        f"<item><guid>{n}</guid><title>n{n}</title><pubDate>{n % 28 + 1:02} Nov 2026 12:00 GMT</pubDate></item>"
        for n in range(200)
    ]
    found = parse(rss(*items, items[27]))
    assert len({entry.news_id for entry in found}) == len(found) <= NEWEST
    days = [entry.published_on for entry in found]
    assert days == sorted(days, key=lambda day: day or date.max, reverse=True)
    assert min(day for day in days if day) >= date(2026, 11, 21)


def test_an_entry_without_a_day_has_none() -> None:
    for pub in ("", "<pubDate>soon</pubDate>", "<pubDate>99 Foo 9999999 99:99 GMT</pubDate>"):
        (entry,) = parse(rss(f"<item><title>t</title>{pub}</item>"))
        assert entry.published_on is None


@pytest.mark.parametrize(
    ("link", "kept"),
    [
        ("https://x.example/a?b=1&amp;c=2", "https://x.example/a?b=1&c=2"),
        ("/a", "https://wire.example/a"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("https://x.example/a b", None),
        ("http://[::", None),
        ("https://x.example/" + "a" * 3000, None),
    ],
)
def test_a_link_is_whole_or_not_there(link: str, kept: str | None) -> None:
    (entry,) = parse(rss(f"<item><title>t</title><link>{link}</link></item>"))
    assert entry.link == kept


def test_everything_is_bounded() -> None:
    long = "&lt;p&gt;" + "word " * 30_000
    (entry,) = parse(rss(f"<item><title>{'word ' * 5000}</title><description>{long}</description></item>"))
    assert len(entry.title) <= TITLE_LENGTH
    assert len(entry.summary) <= SUMMARY_LENGTH
    assert len(entry.html) <= HTML_LENGTH


@pytest.mark.parametrize("deep", ["&lt;div&gt;" * 10_000, "&lt;b&gt;" * 10_000, "&lt;" * 10_000, "&amp;" * 10_000])
def test_deep_markup_in_an_entry_does_no_harm(deep: str) -> None:
    (entry,) = parse(rss(f"<item><title>t</title><description>{deep}words</description></item>"))
    assert "words" in entry.html or entry.html.endswith("</p>")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not well-formed"),
        (b"/etc/passwd", "not well-formed"),
        (b"https://wire.example/feed", "not well-formed"),
        (bytes(range(256)) * 4000, "not well-formed"),
        (b"<a" * 2_500_000, "not well-formed XML: .*, line 1"),
        (ATOM[:-20].encode(), "not well-formed XML: .*, line 6"),
        (b"<!DOCTYPE html><html><body><br></body></html>", "web page, not a feed"),
        (b"<html><body/></html>", "neither RSS nor Atom"),
        (b"<rss version='2.0'><channel>" + b"<item>" * 5000, "nested deeper"),
        (rss(*["<item/>"] * 3000), "more than 2,000 entries"),
        (
            b"<!DOCTYPE x [<!ENTITY a 'b'>]><rss version='2.0'><channel><title>&a;</title></channel></rss>",
            "declares entities",
        ),
        (b"<?xml version='1.0' encoding='klingon'?><rss/>", "encoding"),
        (b"<?xml version='1.0' encoding='shift_jis'?><rss/>", "encoding"),
    ],
)
def test_what_is_no_feed_is_refused_in_words(body: bytes, words: str) -> None:
    with pytest.raises(FeedError, match=words):
        parse(body)


def test_a_feed_without_entries_is_a_feed() -> None:
    assert parse(rss()) == ()
    assert parse(rss("<item/>", "<item><title> </title></item>")) == ()


@settings(max_examples=150)
@given(st.data())
def test_a_damaged_feed_is_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(data.draw(st.sampled_from([ATOM.encode(), rss("<item><title>t</title><guid>1</guid></item>")])))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        body[place : place + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    try:
        found = parse(bytes(body))
    except FeedError:
        return  # in words; any other error fails the test
    for entry in found:
        assert entry.title
        assert "<script" not in entry.html
