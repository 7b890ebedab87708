"""Random files: reading never crashes, importing twice equals importing once."""

import contextlib
import csv
import io
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nurture.address import AddressError, parse_address
from nurture.audience.addresses import AddressReader
from nurture.audience.sheet import read_rows
from nurture.errors import InputError

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=300)
    | st.binary(max_size=200).map(lambda rest: b"PK\x03\x04" + rest)
    | st.text(max_size=200).map(lambda text: text.encode("utf-16"))
)
@example(b'a,b\n"unclosed')
@example(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
def test_reading_arbitrary_bytes_never_crashes(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        path.write_bytes(content)
        # nothing else may come out
        with contextlib.suppress(InputError), read_rows(path) as rows:
            numbers = [row.number for row in rows]
            assert numbers == sorted(set(numbers))


names = st.sampled_from(("", "Ann", "ann", "A.", "Bob", "Zoë", "=1+1", "n/a", "x" * 101))
addresses = st.sampled_from(("a@b.example", "A@b.example", "c@b.example", "d@gmial.com", "nobody", "", "e@b.example"))
lines = st.fixed_dictionaries(
    {
        "email": addresses,
        "first name": names,
        "last name": names,
        "phone": st.sampled_from(("", "+1 503 555 0100", "-")),
        "organization": st.sampled_from(("", "Gym", "gym ", "School")),
        "city": st.sampled_from(("", "Salem", "Keizer")),
        "category": st.sampled_from(("", "gym", "patient;school", "nonsense")),
        "tags": st.sampled_from(("", "a", "b, c")),
        "discharged": st.sampled_from(("", "3/4/2026", "2026-02-30")),
        "consent": st.sampled_from(("", "written")),
        "consent source": st.sampled_from(("", "form")),
        "consent date": st.sampled_from(("", "2026-01-02")),
        "level": st.sampled_from(("", "1", "two")),
    }
)


def as_csv(rows):
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


OPTIONS = ({}, {"household": True}, {"clear_empty": True, "replace_tags": True})


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    options=st.sampled_from(OPTIONS),
    first=st.lists(lines, max_size=4),
    then=st.lists(lines, min_size=1, max_size=8),
)
def test_importing_twice_equals_importing_once(options, first, then, make_workspace, sqlite_template, desk_on):
    from nurture.store import open_store

    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "n.db").write_bytes(sqlite_template.read_bytes())
        store = open_store("sqlite:///n.db", root=Path(folder))
        workspace = make_workspace()
        (workspace.root / "data" / "address.key").unlink(missing_ok=True)
        desk = desk_on(store, workspace)
        more = {"columns": {"level": "level"}, "max_bad": 1.0, **options}
        if first:
            desk.bring(as_csv(first), **more)
        once = desk.diff(as_csv(then), **more)
        desk.bring(as_csv(then), **more)
        people = desk.people()
        again = desk.diff(as_csv(then), **more)
        assert (again.new, again.changed, again.organizations_new, again.organizations_changed) == (0, 0, 0, 0)
        assert (again.rejected, again.conflicts) == (once.rejected, once.conflicts)
        desk.bring(as_csv(then), **more)
        assert desk.people() == people
        store.close()


locals_ = st.text(alphabet="abZ09._+-@ \u00e9\"'", max_size=70)
domains = st.text(alphabet="abZ09.-_\u00fc", max_size=30) | st.sampled_from(
    (
        "b.example",
        "localhost",
        "xn--mnchen-3ya.de",
        "b.local",
        "b.invalid",
        "b.test",
        "home.arpa",
        "b--c.example",
        "b.c1",
    )
)


@settings(deadline=None, max_examples=500)
@given(locals_, domains)
@example("a" * 64, "b.example")
@example("a" * 65, "b.example")
@example("a", "b." * 100 + "example")
@example("a" * 64, "b." * 91 + "example")
@example("a", "b" * 63 + ".example")
@example("a", "b" * 64 + ".example")
def test_the_fast_way_takes_no_address_that_the_full_check_refuses(local, domain):
    text = f"{local}@{domain}"
    reader = AddressReader()
    try:
        expected = parse_address(text)
    except AddressError:
        with pytest.raises(AddressError):
            reader.read(text)
    else:
        assert reader.read(text) == expected
