"""The sample clinic: the repository's own workspace, which the demo and the docs show."""

import csv
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import feedparser
import pytest

from nurture.composing.checking import examine_templates
from nurture.composing.contrast import contrast
from nurture.news.files import load_news
from nurture.news.item import NewsItem, candidates, fits
from nurture.planning.occurrences import occurrences
from nurture.vocabulary import CampaignKind, Category, Intent
from nurture.workspace.campaign import NewsQuery
from nurture.workspace.workspace import Workspace, load_workspace

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = {
    "newsletter",
    "announcement",
    "partner-invitation",
    "event",
    "service-offer",
    "thank-you",
    "check-in",
    "exercise-tips",
    "note",
}
PARTNERS = frozenset(Category) - {Category.PAST_PATIENT}
TEXT_FILES = sorted(
    path
    for pattern in (
        "nurture.yaml",
        "campaigns/*",
        "segments/*",
        "imports/*",
        "news/*.md",
        "data/sample/*",
        "templates/**/*",
    )
    for path in ROOT.glob(pattern)
    if path.suffix in (".yaml", ".md", ".csv", ".xml", ".mjml", ".txt")
)
NOT_RESERVED_BUT_NAMES_ONLY = {"www.w3.org"}  # the name of an XML namespace, never visited


@pytest.fixture(scope="module")
def clinic() -> Workspace:
    return load_workspace(ROOT)


@pytest.fixture(scope="module")
def news(clinic: Workspace) -> tuple[NewsItem, ...]:
    return load_news(clinic)


def rows(name: str) -> list[dict[str, str]]:
    with (ROOT / "data" / "sample" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def partner_categories() -> Counter[str]:
    return Counter(category.strip() for row in rows("partners.csv") for category in row["Category"].split(";"))


def test_there_are_enough_people_of_every_kind() -> None:
    partners, signed, unsigned = rows("partners.csv"), rows("patients.csv"), rows("patients-unsigned.csv")
    people = {(row["Email"], row["First name"]) for row in (*partners, *signed, *unsigned)}

    assert len(people) >= 70
    assert len({row["Organization"] for row in partners}) >= 28
    assert set(partner_categories()) == PARTNERS
    assert min(partner_categories().values()) >= 7
    assert len(signed) >= 15
    assert len(unsigned) >= 5  # the consent gate has something to show


def test_some_people_are_two_things_at_once() -> None:
    partners = {row["Email"] for row in rows("partners.csv")}
    patients = {row["Email"] for row in (*rows("patients.csv"), *rows("patients-unsigned.csv"))}

    assert any(";" in row["Category"] for row in rows("partners.csv"))
    assert len(partners & patients) == 2


def test_one_couple_shares_an_address() -> None:
    shared = [address for address, count in Counter(row["Email"] for row in rows("patients.csv")).items() if count > 1]

    assert shared == ["the.delaneys@post.example"]


def test_every_organization_has_an_owner_a_city_and_a_zone(clinic: Workspace) -> None:
    for row in rows("partners.csv"):
        assert row["Owner"] in clinic.settings.staff, row
        assert row["City"], row
        ZoneInfo(row["Time zone"])


def test_saved_imports_read_columns_that_are_there(clinic: Workspace) -> None:
    for name, saved in clinic.imports.items():
        assert set(saved.columns.values()) == set(rows(f"{name}.csv")[0]), name


def test_patients_files_say_nothing_about_health() -> None:
    for name in ("patients.csv", "patients-unsigned.csv"):
        assert set(rows(name)[0]) == {"First name", "Last name", "Email", "Phone", "Discharged on"}


@pytest.mark.parametrize("path", TEXT_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_only_reserved_domains_and_numbers(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    hosts = set(re.findall(r"(?:https?://|[\w.+-]@)([a-z0-9][a-z0-9.-]*[a-z0-9])", text))
    strangers = {host for host in hosts if not host.endswith(".example")} - NOT_RESERVED_BUT_NAMES_ONLY
    assert strangers == set()

    numbers = re.findall(r"\(?\b\d{3}\)?[ .-]\d{3}[ .-]\d{4}\b", text)
    assert [number for number in numbers if not re.search(r"555[ .-]01\d\d$", number)] == []


def test_there_is_news_in_the_words_of_each_reader(news: tuple[NewsItem, ...]) -> None:
    with_variants = [item for item in news if item.variants]

    assert len(news) >= 14
    assert len(with_variants) >= 9
    assert {category for item in with_variants for category in item.variants} == set(Category)
    assert sum(item.pin for item in news) >= 2
    assert sum(item.image is not None for item in news) >= 3


def test_pictures_of_the_news_are_small() -> None:
    pictures = [*ROOT.glob("news/images/*.png"), *ROOT.glob("templates/emails/images/*.png")]

    assert len(pictures) >= 4
    assert {path.name: path.stat().st_size for path in pictures if path.stat().st_size > 60_000} == {}


def test_news_of_an_event_ends_with_it(news: tuple[NewsItem, ...]) -> None:
    partners = NewsQuery(audience="partners")
    evening = NewsQuery(audience="patients", tags=("classes",))

    def stems(query: NewsQuery, day: date) -> set[str]:
        return {item.id for item in candidates(news, query, today=day)}

    assert "file:2026-11-24-open-house" in stems(partners, date(2027, 1, 13))
    assert "file:2026-11-24-open-house" not in stems(partners, date(2027, 1, 14))
    assert "file:2026-12-02-class-steady" in stems(evening, date(2027, 1, 6))
    assert "file:2026-12-02-class-steady" not in stems(evening, date(2027, 1, 7))
    assert "file:2026-12-02-class-steady" not in stems(evening, date(2026, 12, 1))


def test_every_item_is_asked_for_by_a_campaign(clinic: Workspace, news: tuple[NewsItem, ...]) -> None:
    queries = [campaign.content.news for campaign in clinic.campaigns.values() if campaign.content.news]

    assert [item.id for item in news if not any(fits(item, query) for query in queries)] == []


def test_the_feed_is_a_feed(clinic: Workspace) -> None:
    file = clinic.settings.feeds["industry"].file
    assert file is not None
    feed = feedparser.parse((ROOT / file).read_bytes())

    assert not feed.bozo
    assert len(feed.entries) == 8
    assert len({entry.id for entry in feed.entries}) == 8
    assert all(date(2026, 10, 1) <= date(*entry.published_parsed[:3]) <= date(2026, 12, 31) for entry in feed.entries)


def test_the_campaigns_of_a_clinic_are_there(clinic: Workspace) -> None:
    wanted = {
        "partner-news",
        "referral-update",
        "health-talk",
        "gym-package",
        "race-season",
        "school-letter",
        "exercise-tips",
        "class-news",
        "industry-digest",
    }

    assert wanted <= set(clinic.campaigns)
    assert {campaign.intent for campaign in clinic.campaigns.values()} == set(Intent)
    assert {campaign.template for campaign in clinic.campaigns.values()} == TEMPLATES


@pytest.mark.parametrize("start", [date(2026, 11, 25), date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)])
def test_thirty_days_show_both_kinds_of_campaign(clinic: Workspace, start: date) -> None:
    zone = clinic.settings.zone
    after = datetime(start.year, start.month, start.day, tzinfo=zone).astimezone(UTC)
    until = after + timedelta(days=30)
    due = {
        name: campaign.kind
        for name, campaign in clinic.campaigns.items()
        if campaign.schedule and list(occurrences(campaign.schedule, zone=zone, after=after, until=until))
    }

    assert {"partner-news", "referral-update", "exercise-tips", "class-news", "industry-digest"} <= set(due)
    assert {"health-talk", "gym-package", "race-season", "school-letter", "check-in", "thank-you"} <= set(due)
    assert set(due.values()) == set(CampaignKind)


def test_the_first_mail_that_partners_get_gives(clinic: Workspace) -> None:
    zone = clinic.settings.zone
    after = datetime(2026, 11, 30, tzinfo=UTC)
    first = {
        name: next(occurrences(campaign.schedule, zone=zone, after=after, until=after + timedelta(days=60))).at
        for name, campaign in clinic.campaigns.items()
        if campaign.schedule
    }
    asks = [name for name, campaign in clinic.campaigns.items() if campaign.intent is Intent.ASK]

    assert clinic.campaigns["partner-news"].intent is Intent.GIVE
    assert clinic.settings.limits.gives_before_ask == 1
    assert [name for name in asks if first[name] < first["partner-news"]] == []


def test_mail_to_past_patients_says_why_and_keeps_their_health_out_of_the_subject(clinic: Workspace) -> None:
    words = re.compile(r"pain|knee|shoulder|back|hip|injur|surger|diagnos|therap|fall", re.IGNORECASE)
    for name in ("exercise-tips", "class-news", "check-in"):
        campaign = clinic.campaigns[name]
        assert campaign.purpose is not None
        assert not words.search(campaign.subject), name
        assert "news[" not in campaign.subject, name


def test_every_template_renders_for_everybody(clinic: Workspace, news: tuple[NewsItem, ...]) -> None:
    found = examine_templates(clinic, news)

    assert [str(problem) for problem in found.problems] == []
    assert [str(warning) for warning in found.warnings] == []
    assert {path.stem for path in ROOT.glob("templates/emails/*.mjml")} == TEMPLATES


def test_colours_are_easy_to_read_by_day_and_by_night(clinic: Workspace) -> None:
    brand = clinic.settings.brand
    head = (ROOT / "templates/emails/partials/head.mjml").read_text(encoding="utf-8")
    dark = head[head.index("prefers-color-scheme: dark") :]
    grounds = set(re.findall(r"background-color: (#[0-9a-f]{6}) !important; }", dark))

    light = [(brand.accent, brand.background), (brand.primary, brand.background), ("#556064", brand.background)]
    light += [("#5b676b", "#ffffff"), ("#ffffff", brand.primary)]
    words = {"#e4e8e6", "#9bd4cc", "#f0ab86", "#b4bfbc"}
    assert len(grounds) == 3  # page, card, panel
    assert words <= set(re.findall(r"color: (#[0-9a-f]{6})", dark))
    pairs = [*light, *((word, ground) for word in words for ground in grounds)]
    assert [pair for pair in pairs if contrast(*pair) < 4.5] == []
