"""The sandbox: strict, bounded, and without a way out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from nurture.composing.environment import CompiledText, MailEnvironment
from nurture.errors import ComposeError, RenderError


def render(source: str, *, html: bool = True, **values: object) -> str:
    return CompiledText(source, MailEnvironment(html=html), file="t.mjml").render(values)


@pytest.mark.parametrize(
    "source",
    [
        "{{ x.__class__ }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ x.__init__.__globals__ }}",
        "{{ ''['__class__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ '{0.__class__}'.format(x) }}",
        "{{ '{0.__class__}'.format_map(x) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ self }}{{ self._TemplateReference__context }}",
        "{{ lipsum.__globals__ }}",
        "{{ cycler }}",
        "{{ joiner }}",
        "{{ namespace() }}",
        "{{ x.clear() }}",
        "{{ x.update({'a': 1}) }}",
        "{{ [1].append(2) }}",
        "{{ 'x'.center(1000000000) }}",
        "{{ 'x'.zfill(1000000000) }}",
        "{{ 'x' * 100000000 }}",
        "{{ 100000000 * [1] }}",
        "{{ [[[]] * 9999] * 9999 }}",
        "{{ 9999 ** 9999 }}",
        "{% for i in range(100000) %}x{% endfor %}",
        "{% for i in range(1000) %}{% for j in range(1000) %}x{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}",
        "{% for i in range(1000) %}{% for j in range(1000) if false %}{% else %}{% endfor %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(40) }}",
        "{% macro m(t, n) %}{% if n %}{{ m(t ~ t, n - 1) }}{% endif %}{% endmacro %}{{ m('aaaa', 40) }}",
        "{% macro m(t, n) %}{% if n %}{{ m(t + t, n - 1) }}{% endif %}{% endmacro %}{{ m('aaaa', 40) }}",
        "{% set t = 'a' * 9999 %}" + "{% set t = t ~ t %}" * 40,
        "{{ ('a' * 9999) | replace('a', 'b' * 9999) | length }}",
        "{{ ('a' * 9999).replace('a', 'b' * 9999) | length }}",
        "{{ range(1000) | join('a' * 9999) | length }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{% set n = 1000 ** 1000 %}" + "{% set n = n * n %}" * 30,
        "{{ 1e400 | int }}",
        "{{ x | safe }}",
        "{{ 1 / 0 }}",
        "{{ 'x' | int + 'y' }}",
        "{{ missing }}",
        "{{ x.missing }}",
        "{{ x.missing.deeper }}",
        "{% if missing %}{% endif %}",
        "{{ nothing }}",
    ],
)
def test_what_must_not_work(source: str) -> None:
    with pytest.raises(ComposeError, match=r"t\.mjml"):
        render(source, x={"a": 1}, nothing=None)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("{{ missing | default('there') }}", "there"),
        ("{{ x.items }}", "3"),  # a key goes before a method
        ("{% for key, value in y.items() %}{{ key }}={{ value }} {% endfor %}", "a=1 "),
        ("{{ 'a,b'.split(',') | join(' ') }}", "a b"),
        ("{{ 'a' ~ '<' ~ name }}", "a&lt;&lt;b&gt;"),
        ("{{ ['<', name] | join('&') | replace('b', '<') }}", "&lt;&amp;&lt;&lt;&gt;"),
        (
            "{% for a in [1, 2] %}{{ loop.index }}/{{ loop.length }}{{ '.' if loop.last else ', ' }}{% endfor %}",
            "1/2, 2/2.",
        ),
        ("{% for a in [] %}{% else %}none{% endfor %}", "none"),
        ("{{ '<' }}{{ name }}", "&lt;&lt;b&gt;"),
        ("{{ '2026-12-01' | date }}", "December 1, 2026"),
        ("{{ '2026-12-01T09:05' | date('%a %d %b, %-I:%M %p') }}", "Tue 01 Dec, 9:05 am"),
        ("{{ '(503) 555-0140' | telephone }}", "tel:5035550140"),
        ("{{ '+1 503 555' | telephone }}", "tel:+1503555"),
        ("{{ 'a b&c' | quoted }}", "a%20b%26c"),
        ("{% if x is defined and z is not defined %}yes{% endif %}", "yes"),
    ],
)
def test_what_works(source: str, wanted: str) -> None:
    assert render(source, x={"items": 3}, y={"a": 1}, name="<b>") == wanted


@pytest.mark.parametrize("source", ["{{ 'soon' | date }}", "{{ 3 | date }}", "{{ '2026-12-01' | date('%Q') }}"])
def test_dates_that_are_none(source: str) -> None:
    with pytest.raises(RenderError, match="date"):
        render(source)


def test_data_is_never_a_template() -> None:
    hostile = "{{ 7*7 }}{% for x in y %}{# c #}"
    assert render("{{ x }}", html=False, x=hostile) == hostile


def test_errors_never_show_values() -> None:
    with pytest.raises(RenderError) as caught:
        render("{{ x | date }}", x="secret diagnosis")
    assert "secret" not in str(caught.value)


def test_one_instant_in_two_zones_has_two_clock_times() -> None:
    paris = datetime(2026, 12, 1, 12, tzinfo=timezone(timedelta(hours=1)))
    template = "{{ x | date('%H:%M') }}"
    assert [render(template, x=paris), render(template, x=paris.astimezone(UTC))] == ["12:00", "11:00"]
