"""Which mailboxes belong together."""

import pytest

from nurture.workspace.providers import Providers
from nurture.workspace.settings import Provider


@pytest.mark.parametrize(
    ("address", "provider"),
    [
        ("a@gmail.com", "google"),
        ("a@GoogleMail.com", "google"),
        ("a@hotmail.com", "microsoft"),
        ("a@clinic.example", "clinic.example"),
        ("a@mail.gmail.com", "mail.gmail.com"),
        (None, ""),
    ],
)
def test_known_domains_go_together_and_any_other_alone(address: str | None, provider: str) -> None:
    assert Providers({}).of(address) == provider


def test_the_clinic_may_group_domains_and_limit_known_ones() -> None:
    providers = Providers(
        {
            "google": Provider(per_minute=60),
            "campus": Provider(domains=("uni.example", "gym.uni.example")),
            "apple": Provider(domains=("icloud.com", "gmail.com")),
        }
    )
    assert [providers.of(f"a@{domain}") for domain in ("uni.example", "gym.uni.example")] == ["campus", "campus"]
    assert providers.of("a@googlemail.com") == "google"
    assert providers.limits("google").per_minute == 60
    assert providers.limits("nobody.example").per_minute is None
    assert (providers.of("a@gmail.com"), providers.of("a@me.com")) == ("apple", "me.com"), "what is written holds"
    assert set(providers.domains("campus")) == {"uni.example", "gym.uni.example"}
    assert providers.domains("nobody.example") == ("nobody.example",)
