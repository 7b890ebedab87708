"""Every kind of broken file: its message, and the place it points to."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from nurture.errors import FilesError, WorkspaceError
from nurture.workspace.workspace import find_workspace, load_workspace

SETTINGS = "nurture.yaml"
CAMPAIGN = "campaigns/partner-news.yaml"
SEGMENT = "segments/partners.yaml"

# (file, what stands in the good workspace, what stands there instead, the problems)
EDITS = [
    # form
    (SETTINGS, "  phone:", "\tphone:", ["nurture.yaml:3:1: a tab in the indentation; YAML wants blanks"]),
    (SETTINGS, "phone: 555-0100", "phone: [555", ["nurture.yaml:4:10: broken YAML while parsing a flow sequence"]),
    (SETTINGS, "phone: 555-0100", "phone: a: b", ["nurture.yaml:3:11: broken YAML: mapping values are not allowed"]),
    (SETTINGS, "phone: 555-0100", "phone: @home", ["nurture.yaml:3:10: broken YAML while scanning"]),
    (SETTINGS, "phone: 555-0100", "name: Twice", ["nurture.yaml:3:3: duplicate key `name`, first in line 2"]),
    (SETTINGS, "phone: 555-0100", "phone: *gone", ["nurture.yaml:3:10: there is no finished anchor `&gone`"]),
    (SETTINGS, "phone: 555-0100", "phone: !!python/name:os.system x", ["nurture.yaml:3:10: tags (`!...`) are not used"]),
    (SETTINGS, "phone: 555-0100", "phone: 555\x00", ["nurture.yaml:3:13: the file holds a character that YAML forbids"]),
    (SETTINGS, "senders:", "---\nsenders:", ["nurture.yaml:7:1: a second document starts here"]),
    # keys and types
    (SETTINGS, "  phone:", "  phnoe:", ["nurture.yaml:1:1: `phone` is missing", "nurture.yaml:3:3: unknown key `phnoe`; did you mean `phone`?"]),
    (SETTINGS, '"97301"', "02134", ['nurture.yaml:4:74: text is expected, but 02134 is a number in YAML; quote it: "02134"']),
    (SETTINGS, "phone: 555-0100", "phone: true", ['nurture.yaml:3:10: text is expected, but true is yes or no in YAML; quote it: "true"']),
    (SETTINGS, "phone: 555-0100", "phone:", ["nurture.yaml:3:3: a value is missing here"]),
    (SETTINGS, "phone: 555-0100", 'phone: "555\\n0100"', ["nurture.yaml:3:10: must be one line without control characters"]),
    (SETTINGS, "America/Los_Angeles", "America/Los_Angles", ["nurture.yaml:6:14: unknown time zone 'America/Los_Angles'"]),
    (SETTINGS, "https://riverbend.example", "riverbend.example", ["nurture.yaml:5:9: write an address that starts with http"]),
    (SETTINGS, "hello@riverbend.example", "hello.riverbend.example", ["nurture.yaml:8:36: An email address must have an @-sign."]),
    (SETTINGS, "main: {", "Main: {", ["nurture.yaml:8:3: `Main` does not fit here: use small letters"]),
    (SETTINGS, "senders:", "late: 3 fortnights\nsenders:", ["nurture.yaml:7:7: '3 fortnights' is not a duration"]),
    (SETTINGS, "senders:", "brand: {primary: blue}\nsenders:", ["nurture.yaml:7:18: write a colour as"]),
    (SETTINGS, "senders:", "brand: {logo: ../logo.png}\nsenders:", ["nurture.yaml:7:15: '../logo.png' leads out of the workspace"]),
    (SETTINGS, "senders:", "brand: {logo: logo.png}\nsenders:", ["nurture.yaml:7:15: there is no file 'logo.png' in the workspace"]),
    (SETTINGS, "senders:", "brand: {logo: nurture.yaml}\nsenders:", ["nurture.yaml:7:15: a logo must be PNG, JPEG or GIF"]),
    (SETTINGS, "senders:", "consent_required: {past_patien: [written]}\nsenders:", ["nurture.yaml:7:20: `past_patien` does not fit here: `past_patien` is unknown; did you mean `past_patient`?"]),
    (SETTINGS, "senders:", "consent_required: {other: [writen]}\nsenders:", ["nurture.yaml:7:28: `writen` is unknown; did you mean `written`?"]),
    (SETTINGS, "senders:", "window: {hours: {mon: 05:00-08:00}}\nsenders:", ["nurture.yaml:7:17: nothing is sent from 21:00 to 07:00"]),
    (SETTINGS, "senders:", "window: {hours: {mon: closed}}\nsenders:", ["nurture.yaml:7:17: this window never opens"]),
    (SETTINGS, "senders:", "window: {hours: {mond-fry: closed}}\nsenders:", ["nurture.yaml:7:17: 'mond-fry' is no weekday"]),
    (SETTINGS, "senders:", "feeds: {trade: {}}\nsenders:", ["nurture.yaml:7:9: a feed has either a `url` or a `file`"]),
    (SETTINGS, "senders:", "feeds: {trade: {file: feed.xml}}\nsenders:", ["nurture.yaml:7:23: there is no file 'feed.xml'"]),
    (SETTINGS, "senders:", "database: postgresql+psycopg://u:pw@db/x\nsenders:", ["nurture.yaml:7:11: this address holds a password"]),
    (SETTINGS, "example}\n", "example, signer: mia}\nstaff: {mai: {name: Mai}}\n", ["nurture.yaml:8:69: unknown signer `mia`; did you mean `mai`?"]),
    (SETTINGS, "example}\n", "example, smtp: {host: mail.example, tls: none}}\n", ["nurture.yaml:8:93: `none` is only for a server on this machine"]),
    (SETTINGS, "example}\n", "example, smtp: {host: mail.example, username: me}}\n", ["nurture.yaml:8:61: `username` and `password` belong together"]),
    (SETTINGS, "example}\n", "example, limits: {per_hour: 9}}\n", ["nurture.yaml:8:70: unknown key `per_hour`"]),
    (SETTINGS, "example}\n", "example, limits: {per_day: 0}}\n", ["nurture.yaml:8:79: write 1 or more"]),
    (SETTINGS, "example}\n", "example, connections: 99}\n", ["nurture.yaml:8:74: write 50 or less"]),
    (SETTINGS, "example}\n", "example, limits: {per_day: many}}\n", ["nurture.yaml:8:79: a whole number is expected here, not `many`"]),
    (SETTINGS, "example}\n", "example, limits: {per_day: 1.5}}\n", ["nurture.yaml:8:79: a whole number is expected here, not `1.5`"]),
    (SETTINGS, "example}\n", "example, limits: {warm_up: {from: 2027-01-01, growth: fast}}}\n", ["nurture.yaml:8:106: a number is expected here, not `fast`"]),
    (SETTINGS, "example}\n", "example, on_uncertain: maybe}\n", ["nurture.yaml:8:75: `maybe` is unknown; there are hold, resend"]),
    (SETTINGS, "example}\n", "example, limits: {warm_up: {first_day: 5}}}\n", ["nurture.yaml:8:70: `from` is missing"]),
    (SETTINGS, "senders:", "providers: {gogle: {per_minute: 5}}\nsenders:", ["nurture.yaml:7:13: write its `domains`; gogle is not known; did you mean `google`?"]),
    (SETTINGS, "senders:", "providers: {google: {}, mine: {domains: [a.example]}, other: {domains: [b.example, a.example]}}\nsenders:", ["nurture.yaml:7:84: a.example stands under `mine` already"]),
    # campaigns
    (CAMPAIGN, "newsletter\ntopic", "newsleter\ntopic", ["campaigns/partner-news.yaml:1:7: `newsleter` is unknown; did you mean `newsletter`?"]),
    (CAMPAIGN, "intent: give", "intent: give\nspread: 3 days", ["campaigns/partner-news.yaml:8:9: must be longer than nothing and shorter than `late`, which is 3 days"]),
    (CAMPAIGN, "intent: give", "intent: give\nspread: 0 minutes", ["campaigns/partner-news.yaml:8:9: must be longer than nothing"]),
    (CAMPAIGN, "intent: give\n", "", ["campaigns/partner-news.yaml:1:1: `intent` is missing"]),
    (CAMPAIGN, "subject: News", "subject: 2026-12-01", ["campaigns/partner-news.yaml:5:10: text is expected, but 2026-12-01 is a date in YAML"]),
    (CAMPAIGN, "template: newsletter", "template: newsleter", ["campaigns/partner-news.yaml:6:11: unknown template `newsleter`; did you mean `newsletter`?"]),
    (CAMPAIGN, "template: newsletter", "template: ../newsletter", ["campaigns/partner-news.yaml:6:11: use small letters"]),
    (CAMPAIGN, "intent: give", "intent: give\nsender: man", ["campaigns/partner-news.yaml:8:9: unknown sender `man`; did you mean `main`?"]),
    (CAMPAIGN, "intent: give", "intent: give\ncontent: {news: {feed: trade}}", ["campaigns/partner-news.yaml:8:24: unknown feed `trade`; there are none"]),
    (CAMPAIGN, "intent: give", "intent: give\ncontent: {news: {max: 0, unsen: true}}", ["campaigns/partner-news.yaml:8:23: write 1 or more", "campaigns/partner-news.yaml:8:26: unknown key `unsen`; did you mean `unseen`?"]),
    (CAMPAIGN, "intent: give", "intent: give\nwindow: {hours: {sun: 20:00-22:00}}", ["campaigns/partner-news.yaml:8:17: nothing is sent from 21:00"]),
    # schedules
    (CAMPAIGN, "first tuesday", "frist tuesday", ["campaigns/partner-news.yaml:4:11: 'frist tuesday' is no rule for days; did you mean `first`?"]),
    (CAMPAIGN, "first tuesday", "first tusday", ["campaigns/partner-news.yaml:4:11: 'tusday' is not a weekday; did you mean `tuesday`?"]),
    (CAMPAIGN, "at 09:30", "at 25:30", ["campaigns/partner-news.yaml:4:11: '25:30' is not a time"]),
    (CAMPAIGN, "first tuesday at 09:30", "cron 30 9 30 2 *", ["campaigns/partner-news.yaml:4:11: this schedule never comes: February has no day 30"]),
    (CAMPAIGN, "first tuesday at 09:30", "2026-02-30 at 09:30", ["campaigns/partner-news.yaml:4:11: there is no such day: 2026-02-30"]),
    (CAMPAIGN, "first tuesday at 09:30", "2026-12-01", ["campaigns/partner-news.yaml:4:11: at what time? write `2026-12-01 at 09:30`"]),
    (CAMPAIGN, "first tuesday at 09:30", "2026-12-01 at 09:30", ["campaigns/partner-news.yaml:4:11: a newsletter comes again"]),
    (CAMPAIGN, "schedule: first tuesday at 09:30\n", "", ["campaigns/partner-news.yaml:1:1: a newsletter needs a `schedule`"]),
    (CAMPAIGN, "kind: newsletter", "kind: broadcast", ["campaigns/partner-news.yaml:4:11: a broadcast goes once"]),
    # who is meant
    (CAMPAIGN, "to: partners", "to: partner", ["campaigns/partner-news.yaml:3:5: unknown segment `partner`; did you mean `partners`?"]),
    (CAMPAIGN, "to: partners", "to: {catgory: school}", ["campaigns/partner-news.yaml:3:6: unknown field `catgory`; did you mean `category`?"]),
    (CAMPAIGN, "to: partners", "to: {category: [school, gym]}", ["campaigns/partner-news.yaml:3:25: unknown category 'gym'; there are"]),
    (CAMPAIGN, "to: partners", "to: {}", ["campaigns/partner-news.yaml:3:5: an empty condition would mean everybody or nobody"]),
    (CAMPAIGN, "to: partners", "to: {all: [partners, {received: {campaign: partner-new}}]}", ["campaigns/partner-news.yaml:3:44: unknown campaign `partner-new`; did you mean `partner-news`?"]),
    # past patients
    (CAMPAIGN, "to: partners", "to: {tag: vip}", ["campaigns/partner-news.yaml:3:1: past patients can match, so a `purpose` is required"]),
    (CAMPAIGN, "to: partners", "purpose: third_party\nto: {category: past_patient}", ["campaigns/partner-news.yaml:3:10: somebody else's product for past patients needs a signed authorization from each patient (45 CFR 164.508(a)(3))"]),
    (CAMPAIGN, "to: partners", "purpose: own_service\npaid_by_third_party: true\nto: {category: past_patient}", ["campaigns/partner-news.yaml:4:22: mail to past patients that others pay for needs a signed authorization from each patient (45 CFR 164.508(a)(3))"]),
    # segments
    (SEGMENT, "category:", "org.cty: Salem\ncategory:", ["segments/partners.yaml:1:1: unknown field `org.cty`; did you mean `org.city`?"]),
    (SEGMENT, "category:", "all: [partners]\ncategory:", ["segments/partners.yaml:1:7: the segment `partners` refers to itself"]),
    (SEGMENT, "category:", "discharged_on: {befor: today}\ncategory:", ["segments/partners.yaml:1:17: unknown comparison `befor`; did you mean `before`?"]),
    (SEGMENT, "category:", "discharged_on: {before: 31 June}\ncategory:", ["segments/partners.yaml:1:25: '31 June' is not a date"]),
    (SEGMENT, "category:", "org.postal_code: 97301\ncategory:", ["segments/partners.yaml:1:18: `org.postal_code` is text, this is not; quote it"]),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "expected"), EDITS, ids=[f"{e[0]}: {e[2]!r}" for e in EDITS])
def test_a_problem_is_told_at_its_place(
    write_workspace: Callable[..., Path], file: str, old: str, new: str, expected: list[str]
) -> None:
    root = write_workspace(edit=(file, old, new))
    with pytest.raises(FilesError) as caught:
        load_workspace(root)
    told = [str(problem) for problem in caught.value.problems]
    assert len(told) == len(expected), told
    for text, start in zip(told, expected, strict=True):
        assert text.startswith(start)


FILES = [
    ({SETTINGS: ""}, "nurture.yaml:1:1: the file is empty"),
    ({SETTINGS: "- a\n- b\n"}, "nurture.yaml:1:1: write keys and values here, `key: value`"),
    ({SETTINGS: b"clinic:\n  name: Caf\xe9\n"}, "nurture.yaml:2:12: the file is not UTF-8"),
    ({SETTINGS: "#" * 1_000_001}, "nurture.yaml: the file is larger than 1 MB"),
    ({SETTINGS: "a: " + "[" * 60 + "]" * 60}, "nurture.yaml:1:53: values are nested deeper than 50 levels"),
    ({CAMPAIGN: None, "campaigns/a.yml": ""}, "campaigns/a.yml: name the file .yaml"),
    ({"imports": "a file"}, "imports: the folder cannot be read: Not a directory"),
    ({"campaigns/My News.yaml": ""}, "campaigns/My News.yaml: name the file with small letters, digits and `-`"),
    ({"segments/empty.yaml": "# nothing\n"}, "segments/empty.yaml:1:1: write a condition"),
    ({"segments/a.yaml": "any: [b, partners]", "segments/b.yaml": "- a\n- partners"}, "segments/a.yaml:1:7: the segment `a` refers to itself, by way of `b`"),
    ({"imports/list.yaml": "columns: {adress: Email}"}, "imports/list.yaml:1:10: unknown field `adress`; did you mean `address`?"),
    ({"imports/list.yaml": "columns: {phone: A, address: A}"}, "imports/list.yaml:1:10: two fields read the same column"),
    ({"imports/list.yaml": "consent: {kind: written, source: form}"}, "imports/list.yaml:1:1: `date` is missing"),
    ({"imports/list.yaml": "consent: {kind: written, source: form, date: 2026-02-30}"}, "imports/list.yaml:1:46: `2026-02-30` is not a date"),
]  # fmt: skip


@pytest.mark.parametrize(("files", "expected"), FILES, ids=[expected for _, expected in FILES])
def test_a_bad_file_is_told(
    write_workspace: Callable[..., Path], files: dict[str, str | bytes | None], expected: str
) -> None:
    with pytest.raises(FilesError) as caught:
        load_workspace(write_workspace(files))
    assert any(str(problem).startswith(expected) for problem in caught.value.problems), str(caught.value)


def test_all_problems_of_all_files_come_at_once(write_workspace: Callable[..., Path]) -> None:
    root = write_workspace({SEGMENT: "catgory: x", "campaigns/other.yaml": "kind: x"}, edit=(SETTINGS, "phone", "fone"))
    with pytest.raises(FilesError) as caught:
        load_workspace(root)
    problems = caught.value.problems
    assert {problem.file for problem in problems} == {SETTINGS, SEGMENT, "campaigns/other.yaml"}
    assert list(problems) == sorted(problems)
    # a segment that cannot be read is known by its file's name: only the real mistake is told
    assert not any("unknown segment" in problem.message for problem in problems)


def test_aliases_may_repeat_values_but_not_multiply_them(write_workspace: Callable[..., Path]) -> None:
    repeated = "a: &a {category: school}\n".replace("a: &a", "any:\n  - &a") + "  - *a\n"
    load_workspace(write_workspace({"segments/twice.yaml": repeated}))
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    with pytest.raises(FilesError, match="more than 50,000 values, counted with what aliases repeat"):
        load_workspace(write_workspace({SETTINGS: bomb}))


def test_a_fifo_is_refused_and_not_waited_for(write_workspace: Callable[..., Path]) -> None:

    root = write_workspace()
    os.mkfifo(root / "campaigns" / "pipe.yaml")
    with pytest.raises(FilesError, match=r"campaigns/pipe\.yaml: this is not an ordinary file"):
        load_workspace(root)


def test_a_logo_may_not_be_a_link_out_of_the_workspace(write_workspace: Callable[..., Path], tmp_path: Path) -> None:
    root = write_workspace(edit=(SETTINGS, "senders:", "brand: {logo: logo.png}\nsenders:"))
    (root / "logo.png").symlink_to("/etc/hostname")
    with pytest.raises(FilesError, match="leads out of the workspace"):
        load_workspace(root)


def test_a_folder_that_is_no_workspace_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nurture init"):
        load_workspace(tmp_path)
    with pytest.raises(WorkspaceError, match="nurture init"):
        find_workspace(tmp_path)
