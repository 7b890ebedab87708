"""What the exports of other mail systems are read as: who left, why, when, and which rows nobody can read."""

import zipfile
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nurture.audience.cells import CellError
from nurture.audience.opt_out_columns import opt_out_columns
from nurture.audience.opt_out_files import OptOuts, read_opt_outs
from nurture.audience.opt_out_rows import STRENGTH, Standing, read_standing
from nurture.audience.workbook_size import MAX_UNPACKED
from nurture.errors import InputError
from nurture.vocabulary import SuppressionReason

TODAY = date(2026, 11, 25)
LEFT, BOUNCED = SuppressionReason.UNSUBSCRIBED, SuppressionReason.HARD_BOUNCED
COMPLAINED, SOFT, MANUAL = SuppressionReason.COMPLAINED, SuppressionReason.SOFT_BOUNCED, SuppressionReason.MANUAL

MAILCHIMP_LEFT = """\
"Email Address","First Name",Address,MEMBER_RATING,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,UNSUB_TIME,UNSUB_CAMPAIGN_TITLE,\
UNSUB_CAMPAIGN_ID,UNSUB_CAMPAIGN_ID,UNSUB_REASON,UNSUB_REASON_OTHER,LEID,EUID,NOTES,TAGS
Kim@Gym.example,Kim,"12 Quay Street
Salem",2,"2020-01-02 10:00:00",,"2020-01-02 10:00:00","2024-03-12 14:22:10","March",c1,,"I no longer want these",,1,e1,,
mad@club.example,Max,,2,"2020-01-02 10:00:00",,,"2023-05-01 01:02:03","May",c2,,"The emails are spam and should be reported",,2,e2,,
"""
MAILCHIMP_CLEANED = """\
Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE,CLEAN_CAMPAIGN_ID,LEID,EUID,NOTES,TAGS
gone@gym.example,Gus,2,2020-01-02 10:00:00,2020-01-02 10:00:00,2022-08-09 14:22:10,August,c3,3,e3,,
"""
MAILCHIMP_STAYING = """\
Email Address,First Name,Status,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,LAST_CHANGED,LEID,EUID,NOTES,TAGS
stays@gym.example,Sam,Gold,2,2020-01-02 10:00:00,2020-01-02 10:00:00,2022-08-09 14:22:10,4,e4,,
"""
CONSTANT_CONTACT = """\
"Email address","First name","Last name","Email status","Email permission status","Email update source",\
"Confirmed Opt-Out Date","Confirmed Opt-Out Source","Confirmed Opt-Out Reason","Email Lists","Source Name","Created At","Updated At"
stays@clinic.example,Ann,Ash,Active,Express,Account,,,,"General","Form","2020-09-25 16:45:13 -0400","2021-09-25 16:45:13 -0400"
left@clinic.example,Bea,Birch,Unsubscribed,Implied,Contact,"2021-02-03 16:45:13 -0500",Contact,"Too many mails","General",\
"Form","2020-09-25 16:45:13 -0400","2024-09-25 16:45:13 -0400"
spam@clinic.example,Cat,Cedar,Unsubscribed,Implied,Contact,"02/04/2021 09:15 AM EST",Contact,"Marked as spam","General","Form",,
"""


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., OptOuts]:
    """Reads texts (or bytes) as one file of this name."""

    def read_one(content: str | bytes, name: str = "list.csv", **options: bool) -> OptOuts:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_paths([path], **options)

    return read_one


def read_paths(paths: Iterable[Path], *, all_unsubscribed: bool = False, day_first: bool = False) -> OptOuts:
    return read_opt_outs(paths, all_unsubscribed=all_unsubscribed, day_first=day_first, today=TODAY)


def people(found: OptOuts) -> dict[str, tuple[SuppressionReason, date | None]]:
    return {key: (person.reason, person.on) for key, person in found.people.items()}


def zip_of(path: Path, tables: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tables.items():
            archive.writestr(name, content)
    return path


def test_mailchimp_says_who_left_who_complained_and_who_bounced(tmp_path: Path) -> None:
    export = zip_of(
        tmp_path / "audience_export_3f2a.zip",
        {
            "unsubscribed_email_audience_export_3f2a.csv": MAILCHIMP_LEFT,
            "cleaned_email_audience_export_3f2a.csv": MAILCHIMP_CLEANED,
            "subscribed_email_audience_export_3f2a.csv": MAILCHIMP_STAYING,
            "nonsubscribed_email_audience_export_3f2a.csv": MAILCHIMP_STAYING,
            "__MACOSX/._unsubscribed_email_audience_export_3f2a.csv": b"\0\0\0",
        },
    )
    found = read_paths([export])
    assert people(found) == {
        "kim@gym.example": (LEFT, date(2024, 3, 12)),
        "mad@club.example": (COMPLAINED, date(2023, 5, 1)),
        "gone@gym.example": (BOUNCED, date(2022, 8, 9)),
    }
    assert [(file.format, file.staying, file.tells_leaving) for file in found.files] == [
        ("Mailchimp, unsubscribed contacts", 0, True),
        ("Mailchimp, cleaned contacts", 0, True),
        ("Mailchimp, subscribed contacts", 1, False),
        ("Mailchimp, nonsubscribed contacts", 1, False),
    ]
    assert found.people["kim@gym.example"].source == (
        "audience_export_3f2a.zip/unsubscribed_email_audience_export_3f2a.csv"
    )
    assert found.people["kim@gym.example"].address.text == "Kim@gym.example"


def test_a_mailchimp_file_of_those_who_stay_suppresses_nobody_whatever_is_said(
    read: Callable[..., OptOuts],
) -> None:
    for name in ("subscribed_members_export_3f2a.csv", "renamed.csv"):
        found = read(MAILCHIMP_STAYING, name, all_unsubscribed=True)
        assert people(found) == {}
        assert (found.files[0].staying, found.files[0].tells_leaving) == (1, False)


@pytest.mark.parametrize("name", ["unsubscribed_members_export_3f2a.csv", "unsubscribed_members_export_3f2a (1).csv"])
def test_the_name_of_a_mailchimp_file_says_it_where_the_time_is_empty(read: Callable[..., OptOuts], name: str) -> None:
    without_time = MAILCHIMP_LEFT.replace("2024-03-12 14:22:10", "").replace("I no longer want these", "")
    assert people(read(without_time, name))["kim@gym.example"] == (LEFT, None)
    renamed = read(without_time, "old.csv")
    assert set(people(renamed)) == {"mad@club.example"}
    assert [note.place for note in renamed.files[0].unread] == ["old.csv:2"]
    assert "nobody can tell" in renamed.files[0].unread[0].text


def test_files_of_mailchimp_joined_in_a_spreadsheet_are_told_row_by_row(read: Callable[..., OptOuts]) -> None:
    found = read(
        "Email Address,MEMBER_RATING,LEID,UNSUB_TIME,CLEAN_TIME\n"
        "a@x.example,2,1,,\nb@x.example,2,2,3/12/2024 14:22,\nc@x.example,2,3,,2022-08-09 10:00:00\n"
    )
    assert people(found) == {"b@x.example": (LEFT, date(2024, 3, 12)), "c@x.example": (BOUNCED, date(2022, 8, 9))}
    assert found.files[0].staying == 1


def test_constant_contact_says_it_in_its_status_and_its_reason(read: Callable[..., OptOuts]) -> None:
    found = read(CONSTANT_CONTACT, "contact_export_1.csv")
    assert people(found) == {
        "left@clinic.example": (LEFT, date(2021, 2, 3)),
        "spam@clinic.example": (COMPLAINED, date(2021, 2, 4)),
    }
    assert (found.files[0].format, found.files[0].staying) == ("Constant Contact, contacts", 1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a@x.example\nB@X.example\r\n\n", {"a@x.example": (LEFT, None), "b@x.example": (LEFT, None)}),
        ("Opt-outs by phone\na@x.example\n", {"a@x.example": (LEFT, None)}),
        ("Email;\na@x.example;\n", {"a@x.example": (LEFT, None)}),
        ("email,reason,date\na@x.example,moved away,2024-05-06\n", {"a@x.example": (LEFT, date(2024, 5, 6))}),
        ("EmailAddress,SuppressionReason,CreatedAt\na@x.example,HardBounce,2024-05-06T10:00:00Z\n"
         "b@x.example,SpamComplaint,2024-05-07T10:00:00Z\n",
         {"a@x.example": (BOUNCED, date(2024, 5, 6)), "b@x.example": (COMPLAINED, date(2024, 5, 7))}),
        ("Name;E-Mail;Status\nKim;a@x.example;Opted out\nAnn;b@x.example;active\n", {"a@x.example": (LEFT, None)}),
        ("Email\tStatus\na@x.example\tSoft bounce\nb@x.example\tdo not mail\n",
         {"a@x.example": (SOFT, None), "b@x.example": (LEFT, None)}),
        ("Email,Name,Unsubscribed,Bounced\na@x.example,A,TRUE,no\nb@x.example,B,false,\nc@x.example,C,0,2024-05-06\n",
         {"a@x.example": (LEFT, None), "c@x.example": (BOUNCED, date(2024, 5, 6))}),
        ("Email,Status,Opt-out date\na@x.example,Active,2024-05-06\n", {"a@x.example": (LEFT, date(2024, 5, 6))}),
        ("Email,Status\na@x.example,unsubscribed\nA@x.example,complained\n", {"a@x.example": (COMPLAINED, None)}),
        ("Email,Status,Date\na@x.example,left us: unsubscribed,2024-05-06\na@X.example,unsubscribed,2025-05-06\n",
         {"a@x.example": (LEFT, date(2025, 5, 6))}),
    ],
)  # fmt: skip
def test_lists_of_every_kind(
    read: Callable[..., OptOuts], content: str, expected: dict[str, tuple[SuppressionReason, date | None]]
) -> None:
    assert people(read(content)) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_encoding_that_contacts_are_read_in(read: Callable[..., OptOuts], encoding: str) -> None:
    content = "Né le;Courriel;Status\nZoé;zoe@x.example;unsubscribed\n".encode(encoding)
    assert people(read(content)) == {"zoe@x.example": (LEFT, None)}


def test_a_workbook_is_read_as_well(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (("Email", "Unsubscribed", "Date"), ("a@x.example", 1, date(2024, 5, 6)), ("b@x.example", 0, None)):
        book.active.append(row)
    book.save(tmp_path / "left.xlsx")
    found = read_paths([tmp_path / "left.xlsx"])
    assert people(found) == {"a@x.example": (LEFT, date(2024, 5, 6))}
    assert found.files[0].staying == 1


def test_rows_that_nobody_can_read_are_skipped_and_named(read: Callable[..., OptOuts]) -> None:
    found = read(
        "Email,Notes,Status\n"
        'a@x.example,"two\nlines",unsubscribed\n'
        ",,unsubscribed\n"
        "not an address,,bounced\n"
        '"=HYPERLINK(""mailto:c@x.example"")",,unsubscribed\n'
        "d\0e@x.example,,unsubscribed\n"
        "f@x.example,,Dormant\n"
        "g@x.example\n"
        "whoever,,active\n"
    )
    assert set(people(found)) == {"a@x.example"}
    report = found.files[0]
    assert [note.place for note in report.unread] == [f"list.csv:{line}" for line in (4, 5, 6, 7, 8, 9)]
    assert report.unread_count == 6
    assert report.staying == 1
    assert "'Dormant'" in report.unread[4].text


def test_a_word_that_is_not_known_is_never_taken_for_staying(read: Callable[..., OptOuts]) -> None:
    found = read(CONSTANT_CONTACT.replace("Active,Express", "Dormant,Express"))
    assert found.files[0].staying == 0
    assert [note.place for note in found.files[0].unread] == ["list.csv:2"]


@pytest.mark.parametrize(("written", "says"), [("2027-01-01", "future"), ("soon", "not a date"), ("2024-13-45", "day")])
def test_who_left_at_an_impossible_time_left_all_the_same(
    read: Callable[..., OptOuts], written: str, says: str
) -> None:
    found = read(f"Email,Unsubscribed at\na@x.example,{written}\n")
    assert people(found) == {"a@x.example": (LEFT, None)}
    assert says in found.files[0].doubts[0].text


def test_where_the_day_comes_first_it_is_read_first(read: Callable[..., OptOuts]) -> None:
    content = "Email,Unsubscribed at\na@x.example,03/04/2024 10:11\n"
    assert people(read(content))["a@x.example"][1] == date(2024, 3, 4)
    assert people(read(content, day_first=True))["a@x.example"][1] == date(2024, 4, 3)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Name,Town\nKim,Salem\n", "no column holds mail addresses"),
        ("Email,Name\na@x.example,Kim\n", "--all-unsubscribed"),
        ("Email,Name,Reason\na@x.example,Kim,likes our news\n", "--all-unsubscribed"),
        ("a@x.example,Kim\nb@x.example,Ann\n", "--all-unsubscribed"),
        ("a@x.example,b@x.example\n", "names its columns"),
        ("", "is empty"),
        ("\n\n", "has no rows"),
        ('Email,Status\na@x.example,"unsubscribed\n' + "x" * 20_000, "quotation mark"),
        (b"PK\x03\x04broken", "not a zip"),
    ],
)
def test_files_that_do_not_say_who_left_are_refused_as_a_whole(
    read: Callable[..., OptOuts], content: str | bytes, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        read(content)


def test_a_list_of_contacts_is_taken_when_somebody_says_that_all_of_them_left(read: Callable[..., OptOuts]) -> None:
    content = "Email,Name,Reason\na@x.example,Kim,\n"
    assert people(read(content, all_unsubscribed=True)) == {"a@x.example": (LEFT, None)}
    with_status = "Email,Status\na@x.example,\nb@x.example,active\nc@x.example,cleaned\n"
    assert people(read(with_status, all_unsubscribed=True)) == {
        "a@x.example": (LEFT, None),
        "c@x.example": (BOUNCED, None),
    }


class TestZips:
    def test_tables_without_a_word_on_leaving_are_named_and_left_out(self, tmp_path: Path) -> None:
        export = zip_of(
            tmp_path / "account.zip", {"lists/left.csv": "a@x.example\n", "opens.csv": "Campaign,Opens\nx,1\n"}
        )
        found = read_paths([export])
        assert set(people(found)) == {"a@x.example"}
        assert found.unused == ["account.zip/opens.csv"]

    @pytest.mark.parametrize(
        ("tables", "says"),
        [
            ({"readme.pdf": "x"}, "no CSV"),
            ({"a.csv": ""}, "only empty"),
            ({"opens.csv": "Campaign,Opens\nx,1\n"}, "no table that says who left"),
            ({f"{number}.csv": "x" for number in range(1001)}, "1001 tables"),
        ],
    )
    def test_zips_without_anything_to_read_are_refused(
        self, tmp_path: Path, tables: dict[str, str | bytes], says: str
    ) -> None:
        with pytest.raises(InputError, match=says):
            read_paths([zip_of(tmp_path / "export.zip", tables)])

    def test_a_name_that_leads_out_of_the_zip_leads_nowhere(self, tmp_path: Path) -> None:
        export = zip_of(tmp_path / "export.zip", {"../../left.csv": "a@x.example\n"})
        assert found_source(read_paths([export])) == "export.zip/left.csv"
        assert not (tmp_path.parent.parent / "left.csv").exists()
        assert not (tmp_path.parent / "left.csv").exists()

    def test_a_small_zip_that_unpacks_to_a_disk_full_is_refused(self, tmp_path: Path) -> None:
        export = tmp_path / "bomb.zip"
        with (
            zipfile.ZipFile(export, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
            archive.open("a.csv", "w") as file,
        ):
            for _ in range(MAX_UNPACKED // 10_000_000 + 1):
                file.write(b"a" * 10_000_000)
        with pytest.raises(InputError, match="unpacks to more than 300 MB"):
            read_paths([export])

    def test_a_broken_table_is_named_as_it_stands_in_the_zip(self, tmp_path: Path) -> None:
        broken = 'Email,Status\na@x.example,"unsubscribed\n' + "x" * 20_000
        with pytest.raises(InputError, match=r"^export\.zip/left\.csv:2: a cell of more than"):
            read_paths([zip_of(tmp_path / "export.zip", {"left.csv": broken})])

    def test_an_encrypted_zip_says_so(self, tmp_path: Path) -> None:
        export = zip_of(tmp_path / "export.zip", {"left.csv": "a@x.example\n"})
        content = bytearray(export.read_bytes())
        for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            content[content.index(header) + flags] |= 1
        export.write_bytes(content)
        with pytest.raises(InputError, match="encrypted"):
            read_paths([export])


def found_source(found: OptOuts) -> str:
    (person,) = found.people.values()
    return person.source


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_paths([tmp_path / "nothing.csv"])


CELLS = st.none() | st.integers() | st.floats(allow_nan=True) | st.booleans() | st.dates() | st.text(max_size=30)
WORDS = st.sampled_from(
    [
        "",
        "Active",
        "unsubscribed",
        "Spam complaint",
        "bounced",
        "soft bounce",
        "Dormant",
        "yes",
        "no",
        "2024-05-06",
        "x",
    ]
)
HEADERS = ("Email", "Status", "Unsubscribed", "Bounced at", "Unsub reason", "Reason", "Date")


def standing_of(cells: list[object], *, all_unsubscribed: bool = False) -> Standing | None:
    columns, _ = opt_out_columns(HEADERS, "list.csv", all_unsubscribed=all_unsubscribed)
    try:
        return read_standing(columns, cells, day_first=False, today=TODAY)  # type: ignore[arg-type]
    except CellError:
        return None


@given(st.lists(CELLS | WORDS, max_size=9))
def test_any_row_is_read_or_refused_and_no_date_is_in_the_future(cells: list[object]) -> None:
    found = standing_of(cells)
    assert found is None or found.on is None or (found.reason is not None and found.on <= TODAY)


@given(st.lists(WORDS, min_size=6, max_size=6), st.integers(0, 5), WORDS)
def test_one_more_sign_never_makes_a_reason_weaker(words: list[str], place: int, more: str) -> None:
    """Filling an empty cell may add a reason or a doubt, but never makes somebody who left stay."""
    words[place] = ""
    before = standing_of(["a@x.example", *words])
    words[place] = more
    after = standing_of(["a@x.example", *words])
    if before is not None and before.reason is not None:
        assert after is not None
        assert after.reason is not None
        assert STRENGTH[after.reason] >= STRENGTH[before.reason]
