"""Importing contacts: what is written, what is refused, and that twice equals once."""

import stat
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import openpyxl
import pytest

from nurture.audience.candidates import GivenConsent
from nurture.audience.imports import apply_import
from nurture.audience.suppressing import suppress_by_hand
from nurture.errors import ImportRefusedError, InputError, NotFoundError
from nurture.store.consents import consents_of, withdraw_consents
from nurture.store.suppressions import suppressions_of
from nurture.vocabulary import Category, ConsentKind, SuppressionReason

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
CARD = GivenConsent(ConsentKind.IMPLIED, "business card", date(2026, 5, 1))
PATIENTS = frozenset({Category.PAST_PATIENT})


def test_a_first_import(store, make_workspace, desk_on):
    desk = desk_on(store, make_workspace())
    text = (
        "E-Mail;First name;Surname;Title;Company;City;Zip;Category;Tags;Favourite colour\n"
        'lee@knee.example;Grace;Lee;Dr.;"Knee; Center";Salem;2134;physician;Refers, Spring Fair;blue\n'
        "ann@gym.example;Ann;;;Iron Gym;Keizer;97303;gym;;\n"
    )
    diff = desk.diff(text, consent=CARD)
    assert diff.in_words == "+2 new"
    assert diff.unused_columns == ("Favourite colour",)
    assert not desk.people()  # a diff writes nothing
    desk.bring(text, consent=CARD)
    lee = desk.person("lee@knee.example")
    assert (lee.title, lee.first_name, lee.last_name) == ("Dr.", "Grace", "Lee")
    assert lee.organization
    assert (lee.organization.name, lee.organization.postal_code) == ("Knee; Center", "02134")
    assert lee.categories == {Category.HEALTHCARE_PROVIDER}
    assert lee.tags == ("refers", "spring-fair")
    with store.read() as connection:
        (consent,) = consents_of(connection, [lee.id])[lee.id]
    assert (consent.kind, consent.source, consent.expires_on) == (ConsentKind.IMPLIED, "business card", None)
    assert desk.diff(text, consent=CARD).in_words == "2 unchanged"


def test_an_import_only_adds(desk):
    desk.bring("email,first name,phone,category,tags\na@b.example,Ann,555-0100,gym,old\n")
    diff = desk.diff("email,first name,phone,category,tags\na@b.example,Anna,,school,new\n")
    assert diff.conflicts == 1  # Anna is not Ann
    desk.bring("email,phone,category,tags\na@b.example,,school,new\n")
    person = desk.person("a@b.example")
    assert (person.first_name, person.phone, person.tags) == ("Ann", "555-0100", ("new", "old"))
    assert person.categories == {Category.PRIVATE_BUSINESS, Category.SCHOOL}
    desk.bring("email,phone,tags\na@b.example,,new\n", clear_empty=True, replace_tags=True)
    person = desk.person("a@b.example")
    assert (person.first_name, person.phone, person.tags) == ("Ann", None, ("new",))


def test_an_address_under_another_name_is_a_conflict_unless_they_share_a_household(desk):
    desk.bring("email,first name,last name\nhome@b.example,Ann,Lee\n")
    text = "email,first name,last name\nhome@b.example,Bob,Lee\n"
    diff = desk.diff(text)
    assert (diff.conflicts, diff.new) == (1, 0)
    assert "stands under Ann Lee" in diff.notes["conflict"][0].text
    result = desk.bring(text)
    assert result.rejected_file is not None
    assert desk.rejected[1][:2] == ["2", diff.notes["conflict"][0].text]
    assert len(desk.people()) == 1
    desk.bring(text, household=True)
    assert [(person.first_name, person.household) for person in desk.people()] == [("Ann", 0), ("Bob", 1)]
    assert desk.diff(text).in_words == "1 unchanged"


@pytest.mark.parametrize(
    ("stored", "row", "kind"),
    [
        ("Ann,Lee", "ann,LEE", "unchanged"),
        ("Ann,Lee", ",", "unchanged"),
        (",", "Ann,Lee", "changed"),
        ("A.,Lee", "Ann,Lee", "changed"),
        ("Ann,Lee", "A.,Lee", "unchanged"),
        ("Renée,Núñez", "Renee,Nunez", "changed"),
        ("Ann,Lee", "Ann,Li", "conflict"),
        ("Ann,Lee", "Bea,Lee", "conflict"),
    ],
)
def test_who_is_the_same_person(desk, stored, row, kind):
    header = "email,first name,last name\na@b.example,"
    desk.bring(header + stored)
    diff = desk.diff(header + row)
    if kind == "unchanged" and stored.casefold() == row.casefold():
        assert diff.changed + diff.unchanged == 1  # other letters' case is a change of spelling
    else:
        counts = {"changed": diff.changed, "unchanged": diff.unchanged, "conflict": diff.conflicts}
        assert counts[kind] == 1


def test_repeated_rows_count_once(desk):
    diff = desk.diff("email,first name\na@b.example,Ann\nA@B.example,Ann\na@b.example,Zoe\n")
    assert (diff.new, diff.duplicates, diff.conflicts) == (1, 1, 1)
    assert diff.notes["duplicate"][0].text == "row 2 is the same person"
    assert "row 2 has this address under another name" in diff.notes["conflict"][0].text


def test_a_number_of_the_clinic_finds_a_changed_address(desk):
    desk.bring("id,email,first name\n17,old@b.example,Ann\n")
    desk.bring("id,email,first name\n17,new@b.example,Ann\n")
    (person,) = desk.people()
    assert (person.address, person.external_id) == ("new@b.example", "17")


def test_a_changed_address_never_resubscribes(desk):
    desk.bring("id,email\n17,old@b.example\n18,dead@b.example\n")
    for address, reason in (("old", SuppressionReason.UNSUBSCRIBED), ("dead", SuppressionReason.HARD_BOUNCED)):
        suppress_by_hand(desk.store, desk.workspace, address=f"{address}@b.example", reason=reason, now=NOW)
    desk.bring("id,email\n17,new@b.example\n18,alive@b.example\n")
    with desk.store.read() as connection:
        found = suppressions_of(connection, desk.people())
    names = {person.id: person.address for person in desk.people()}
    assert [(names[i], rows[0].reason) for i, rows in found.items()] == [("new@b.example", "unsubscribed")]


def test_suppressed_addresses_stay_suppressed_and_are_counted(desk):
    suppress_by_hand(desk.store, desk.workspace, address="a@b.example", now=NOW)
    assert desk.diff("email\nA@b.example\n").suppressed == 1
    desk.bring("email\na@b.example\n", consent=CARD)
    with desk.store.read() as connection:
        assert suppressions_of(connection, desk.people())


def test_consent_needs_a_source_and_a_date(desk):
    text = (
        "email,consent,consent source,consent date\n"
        "a@b.example,written,form,11/20/2026\nb@b.example,written,,11/20/2026\nc@b.example,yes,form,11/20/2026\n"
        "d@b.example,verbal,call,11/30/2026\n"
    )
    diff = desk.diff(text)
    assert [note.text.partition(":")[0] for note in diff.notes["warning"]] == [
        "consent is not recorded",
        "consent 'yes' is not recorded; write one of written, verbal, implied, inquiry",
        "consent is not recorded",
    ]
    desk.bring(text)
    with desk.store.read() as connection:
        found = consents_of(connection, [person.id for person in desk.people()])
    assert [rows[0].obtained_on for rows in found.values()] == [date(2026, 11, 20)]
    with pytest.raises(InputError, match="in the future"):
        desk.diff("email\na@b.example\n", consent=GivenConsent(ConsentKind.WRITTEN, "form", date(2026, 12, 1)))


def test_a_withdrawn_consent_does_not_come_back(desk):
    desk.bring("email\na@b.example\n", consent=CARD)
    (person,) = desk.people()
    with desk.store.write() as connection:
        withdraw_consents(connection, person.id, NOW)
    assert desk.diff("email\na@b.example\n", consent=CARD).unchanged == 1
    older = GivenConsent(ConsentKind.WRITTEN, "old form", date(2026, 4, 1))
    diff = desk.diff("email\na@b.example\n", consent=older)
    assert (diff.unchanged, diff.warnings) == (1, 1)
    newer = GivenConsent(ConsentKind.WRITTEN, "new form", date(2026, 11, 26))
    assert desk.diff("email\na@b.example\n", consent=newer, now=NOW + timedelta(days=2)).changed == 1


def test_implied_consent_ends_after_two_years_in_canada(desk):
    desk.bring("email,country\na@b.example,Canada\n", consent=CARD)
    with desk.store.read() as connection:
        (rows,) = consents_of(connection, [person.id for person in desk.people()]).values()
    assert rows[0].expires_on == date(2028, 5, 1)
    assert rows[0].holds(date(2028, 5, 1))
    assert not rows[0].holds(date(2028, 5, 2))


@pytest.mark.parametrize(
    "header",
    ["Diagnosis", "D.O.B.", "Date of Birth", "birth_date", "MRN", "Medical Record #", "RecordNumber", "ICD-10"],
)
def test_patients_must_not_come_with_health_data(desk, make_workspace, header):
    text = f'email,"{header}"\na@b.example,x\n'
    with pytest.raises(ImportRefusedError, match="past patients must not come with"):
        desk.diff(text, categories=PATIENTS)
    assert desk.diff(text).new == 1  # not a patient, and the column is not read
    desk.workspace = make_workspace(settings=f'\nimports: {{allow_columns: ["{header.lower()}"]}}\n')
    assert desk.diff(text, categories=PATIENTS).new == 1


def test_a_renamed_health_column_is_refused_with_the_row_of_a_patient(desk):
    text = "email,category,Diagnosis\na@b.example,patient,knee\nb@b.example,gym,bad knee\n"
    diff = desk.diff(text, columns={"remark": "Diagnosis"}, max_bad=1)
    assert diff.notes["rejected"][0].text == "past patients must not have Diagnosis (imports.allow_columns)"
    assert diff.new == 1


HOSTILE = [
    ("Bob\\r\\nBcc: x@y.example", "Bob Bcc: x@y.example"),
    ("Bob\\0", "Bob"),
    ("Bob\\u2028x", "Bob x"),
    ("\\u202eboB", "boB"),
    ("'=1+1", "=1+1"),
    ("n/a", None),
    ("Null", "Null"),
    ("李小龙", "李小龙"),
]


def test_hostile_names_are_cleaned(desk):
    for number, (name, kept) in enumerate(HOSTILE):
        written = name.encode("latin-1", "backslashreplace").decode("unicode_escape")
        desk.bring(f'email,first name\np{number}@b.example,"{written}"\n')
        assert desk.person(f"p{number}@b.example").first_name == kept, name


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",Ann", "no address"),
        ("n/a,Ann", "no address"),
        ("not an address,Ann", "not an address"),
        ('"a@b.example\nbcc@b.example",Ann', "control character"),
        ("a..b@b.example,Ann", "not an address"),
        ("a@b.example," + "x" * 300, "has 300 characters"),
        ("a@b.example,Ann,extra", "3 cells, but 2 columns"),
    ],
)
def test_bad_rows_go_to_a_file_with_reasons(desk, row, reason):
    good = "".join(f"good{number}@b.example,Gil\n" for number in range(12))
    result = desk.bring(f"email,first name\n{good}{row}\n")
    assert result.new == 12
    assert result.rejected_file is not None
    assert desk.rejected[0] == ["row", "reason", "email", "first name"]
    assert desk.rejected[1][0] == "14"
    assert reason in desk.rejected[1][1]
    assert result.rejected_file
    assert stat.S_IMODE(result.rejected_file.stat().st_mode) == 0o600


def test_too_many_bad_rows_and_nothing_is_written(desk):
    text = "email\na@b.example\nbad\n"
    diff = desk.diff(text)
    assert "1 of 2 rows are bad, more than 10%" in diff.refusal
    with pytest.raises(ImportRefusedError, match="row 3: not an address"):
        desk.bring(text)
    assert desk.people() == []
    assert not Path(f"{desk.file}.rejected.csv").exists()
    assert desk.bring(text, max_bad=0.5).new == 1


def test_mistyped_domains_are_doubted_not_refused(desk):
    diff = desk.diff("email\nann@gmial.com\n")
    assert (diff.new, diff.notes["warning"][0].text) == (1, "gmial.com is perhaps gmail.com")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "has no rows"),
        (b"name,phone\nAnn,1\n", "no column holds mail addresses"),
        (b"email,Email\na@b.example,x\n", "two columns have the same name"),
        (b"a@b.example\nb@b.example\n", "first row holds an address"),
        (b'email\n"a@b.example\n' + b"x" * 200_000, "quotation mark"),
        (b"PK\x03\x04 not a workbook", "not a workbook"),
        (b"\xff\xfea\x00b", "no text"),
    ],
)
def test_files_that_cannot_be_read(desk, content, words):
    with pytest.raises(InputError, match=words):
        desk.bring(content)
    assert desk.people() == []


def test_an_empty_list_is_refused(desk):
    assert "no rows under its header" in desk.diff("email,first name\n").refusal


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":"])
def test_encodings_and_delimiters(desk, encoding, delimiter):
    rows = ["email|first name|last name", "a@b.example|Zoë|O'Brien – Müller", 'b@b.example|"two\nlines"|x']
    desk.bring("\r\n".join(rows).replace("|", delimiter).encode(encoding))
    assert [(p.first_name, p.last_name) for p in desk.people()] == [("Zoë", "O'Brien – Müller"), ("two lines", "x")]


def test_workbooks(desk, tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["Email", "First name", "Organization", "Zip", "Last visit", "Phone", "Level"])
    book.active.append(["a@b.example", "Ann", "Gym", 2134.0, datetime(2026, 3, 4, 10), 5035550100, 7.5])
    book.active.append([None] * 7)
    book.active.append(["b@b.example", "Bob", None, None, "3/4/2026", None, None])
    book.create_sheet("Old").append(["Email"])
    book.save(tmp_path / "list.xlsx")
    desk.bring((tmp_path / "list.xlsx").read_bytes(), columns={"level": "Level"})
    ann, bob = desk.people()
    assert ann.organization
    assert (ann.organization.postal_code, ann.discharged_on, ann.phone) == ("02134", date(2026, 3, 4), "5035550100")
    assert (ann.attributes, bob.discharged_on) == ({"level": "7.5"}, date(2026, 3, 4))


def test_saved_imports_know_who_is_absent(sqlite_store, make_workspace, desk_on):
    saved = "columns: {address: Mail, level: Lvl}\ncategory: school\ntags: [fair]\n"
    saved += "consent: {kind: verbal, source: spring fair, date: 2026-04-18}\n"
    desk = desk_on(sqlite_store, make_workspace({"fair": saved}))
    desk.bring("email\nother@b.example\n")
    desk.bring("Mail,Lvl,Phone\na@b.example,3,1\nb@b.example,4,2\n", name="fair")
    person = desk.person("a@b.example")
    assert (person.attributes, person.tags, person.phone) == ({"level": "3"}, ("fair",), None)
    diff = desk.diff("Mail,Lvl\nb@b.example,4\n", name="fair")
    assert (diff.absent_ids, diff.unchanged) == ((person.id,), 1)
    assert desk.bring("Mail,Lvl\nb@b.example,4\n", name="fair").archived == 0
    assert desk.bring("Mail,Lvl\nb@b.example,4\n", name="fair", archive_absent=True).archived == 1
    assert [person.address for person in desk.people() if person.archived_at] == ["a@b.example"]
    with pytest.raises(InputError, match="only a saved import"):
        desk.diff("email\na@b.example\n", archive_absent=True)
    with pytest.raises(NotFoundError, match="there are fair"):
        desk.diff("email\na@b.example\n", name="fare")


def test_a_diff_that_is_out_of_date_writes_nothing(desk):
    diff = desk.diff("email,first name\na@b.example,Ann\n")
    old = desk.order
    desk.bring("email,first name\na@b.example,Bob\n")
    desk.file.write_text("email,first name\na@b.example,Ann\n")
    with pytest.raises(ImportRefusedError, match="changed since the diff"):
        apply_import(desk.store, old, diff, now=NOW)
    assert [person.first_name for person in desk.people()] == ["Bob"]


def test_mapped_columns_must_exist(desk):
    with pytest.raises(InputError, match=r"no column 'Frist'.*did you mean `First`"):
        desk.diff("email,First\na@b.example,Ann\n", columns={"first_name": "Frist"})
    with pytest.raises(InputError, match="no field `frist_name`"):
        desk.diff("email,First\na@b.example,Ann\n", columns={"frist_name": "First"})
