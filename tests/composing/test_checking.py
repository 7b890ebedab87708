"""`nurture check`: templates fail here, before any mail depends on them."""

import pytest

from nurture.composing.checking import examine_templates, template_names
from tests.composing.clinic import LETTER, Clinic, item


def found(clinic: Clinic) -> list[str]:
    return [str(problem) for problem in examine_templates(clinic.workspace, (item(),)).problems]


def test_a_sound_clinic_has_no_problems(clinic: Clinic) -> None:
    examination = examine_templates(clinic.workspace, (item(),))
    assert (examination.problems, examination.warnings) == ([], [])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("{{ contact.first_name }}", "(for a contact with only an address)"),
        ("{{ organization.name }}", "(for a contact with only an address)"),
        ("{{ news[0].title }}", "has no element 0"),
        ("{% if contact.categories[0] == 'school' %}{{ contact.oops }}{% endif %}", ""),
        ("{{ contact.phone | date }}", "is no date"),
    ],
)
def test_a_template_that_breaks_for_some_readers(clinic: Clinic, body: str, words: str) -> None:
    clinic.template("{{ body }}{{ news | length }}" + body)
    problems = found(clinic)
    if words:
        assert any(line.startswith("templates/emails/letter.mjml:2: ") and words in line for line in problems), problems


def test_a_template_that_nobody_uses_is_tried_too(clinic: Clinic) -> None:
    clinic.template(
        "{{ body }} {{ values.date | date }} <a href='{{ values.button.url }}'>{{ values.list[0] }}</a>", "new"
    )
    assert found(clinic) == []
    clinic.template("{{ body }} {{ contact.nickname }}", "new")
    assert len(found(clinic)) == 1
    assert template_names(clinic.root) == ["letter", "new"]


def test_words_that_a_template_never_shows(clinic: Clinic) -> None:
    clinic.template("Hello")
    assert any("the campaign 'news' has a body" in line for line in found(clinic))
    assert any("the campaign 'news' carries news" in line for line in found(clinic))


def test_what_gmail_cuts_off_is_a_warning(clinic: Clinic) -> None:
    clinic.write("templates/emails/letter.mjml", LETTER.replace("{{ body }}", "{{ body }}" + "long words " * 12_000))
    examination = examine_templates(clinic.workspace, (item(),))
    assert examination.problems == []
    assert "Gmail cuts it off after 102 kB" in str(examination.warnings[0])


def test_weak_colours_are_a_warning(clinic: Clinic) -> None:
    text = (clinic.root / "nurture.yaml").read_text().replace("logo.png,", 'logo.png, primary: "#77aaaa",')
    clinic.write("nurture.yaml", text)
    (warning,) = examine_templates(clinic.workspace, (item(),)).warnings
    assert str(warning).startswith("nurture.yaml: brand: primary #77aaaa")


def test_a_template_without_campaign_may_loop_over_values(clinic: Clinic) -> None:
    clinic.template("{% for fact in values.facts %}{{ fact.name }}: {{ fact.text }}{% endfor %}{{ body }}", "new")
    assert found(clinic) == []
