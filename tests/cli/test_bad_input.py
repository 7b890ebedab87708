"""Bad input: a clear message with its place, exit code 1 or 2, and nothing half done."""

import io
import os
import sqlite3
import zipfile

import pytest

NEWSLETTER = "campaigns/partner-news.yaml"
TO = "to: {category: [healthcare_provider, community_agency, private_business, sports_club, school]}"
TEMPLATE = """\
<mjml><mj-body><mj-section><mj-column><mj-text>
{words}
</mj-text></mj-column></mj-section></mj-body></mjml>
"""


def template(words):
    return TEMPLATE.format(words=words)


# (what is wrong, file, its text, words that the message must hold)
BROKEN_FILES = [
    ("broken YAML", "campaigns/bad.yaml", "kind: newsletter\n  topic: x\n", ["campaigns/bad.yaml:2:"]),
    ("a duplicate key", "campaigns/bad.yaml", "kind: newsletter\nkind: broadcast\n", ["campaigns/bad.yaml:2:1", "kind"]),
    ("an unknown key", "segments/bad.yaml", "catgory: school\n", ["segments/bad.yaml:1:1", "category"]),
    ("an impossible date", "news/bad.md", "---\ntitle: A\ndate: 2026-02-30\n---\nB\n", ["news/bad.md:3:"]),
    ("a tab", "campaigns/bad.yaml", "kind: newsletter\n\ttopic: x\n", ["campaigns/bad.yaml:", "tab"]),
    ("a value as long as a file", "segments/bad.yaml", "x" * 100_000, ["segments/bad.yaml:1:1", "xxxx…"]),
    ("a file that is huge", "segments/bad.yaml", "#" * 1_000_001, ["segments/bad.yaml", "1 MB"]),
    ("aliases that multiply", "segments/bad.yaml", "a: &a [x, x]\n" + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)), ["segments/bad.yaml:", "50,000"]),
    ("lists in lists without end", "segments/bad.yaml", "[" * 100_000, ["segments/bad.yaml:1:51", "deeper"]),
    ("a condition without end", "segments/bad.yaml", "any:\n" + "  - tag: x\n" * 3_000, ["segments/bad.yaml:", "too large", "1 problem"]),
    ("an unclosed tag", "templates/emails/bad.mjml", "<mjml><mj-body>", ["templates/emails/bad.mjml:1:"]),
    ("template syntax", "templates/emails/bad.mjml", template("{% if contact %}"), ["templates/emails/bad.mjml:2"]),
    ("an undefined variable", "templates/emails/bad.mjml", template("{{ conact.greeting }}"), ["bad.mjml:2", "conact"]),
    ("an endless include", "templates/emails/bad.mjml", template("").replace("<mj-section>", '<mj-include path="./bad.mjml" /><mj-section>'), ["bad.mjml", "include"]),
    ("an include outside", "templates/emails/bad.mjml", template("").replace("<mj-section>", '<mj-include path="../../nurture.yaml" /><mj-section>'), ["bad.mjml:1", "templates"]),
    ("10,000 nested tags", "templates/emails/bad.mjml", template("<div>" * 10_000 + "</div>" * 10_000), ["bad.mjml", "deep"]),
    ("a bare <", "templates/emails/bad.mjml", template("a < b"), ["bad.mjml:2"]),
    ("an unknown tag", "templates/emails/bad.mjml", template("").replace("mj-column", "mj-colum"), ["bad.mjml:1", "mj-column"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "text", "words"), [row[1:] for row in BROKEN_FILES], ids=[row[0] for row in BROKEN_FILES]
)
def test_a_broken_file_is_told_with_its_place(clinic, file, text, words):
    clinic.write(file, text)
    ran = clinic.run("check")
    assert ran.code == 1
    for word in words:
        assert word in ran.said


# (what is wrong, file, old words, new words, words that the message must hold)
CHANGED_FILES = [
    ("a zip code that is a number", "nurture.yaml", 'postal_code: "97301"', "postal_code: 02134", ["nurture.yaml:", "quote it"]),
    ("an unknown time zone", "nurture.yaml", "America/Los_Angeles", "America/Los_Angles", ["nurture.yaml:", "America/Los_Angles"]),
    ("an unknown segment", NEWSLETTER, TO, "to: partnres", [f"{NEWSLETTER}:", "partners"]),
    ("an unknown template", NEWSLETTER, "template: newsletter", "template: newsleter", [f"{NEWSLETTER}:", "newsletter"]),
    ("an unknown sender", NEWSLETTER, "template: newsletter", "template: newsletter\nsender: mian", [f"{NEWSLETTER}:", "main"]),
    ("a schedule that never comes", NEWSLETTER, "schedule: first tuesday at 09:30", "schedule: cron 0 9 30 2 *", [f"{NEWSLETTER}:", "never"]),
    ("a schedule that is none", NEWSLETTER, "schedule: first tuesday at 09:30", "schedule: whenever", [f"{NEWSLETTER}:", "first tuesday at 09:30"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "words"), [row[1:] for row in CHANGED_FILES], ids=[row[0] for row in CHANGED_FILES]
)
def test_a_wrong_value_is_told_with_its_place(clinic, file, old, new, words):
    clinic.change(file, old, new)
    ran = clinic.run("check")
    assert ran.code == 1
    for word in words:
        assert word in ran.said


def test_all_problems_of_all_files_are_told_at_once(clinic):
    clinic.change("nurture.yaml", "America/Los_Angeles", "Mars/Olympus")
    clinic.change(NEWSLETTER, TO, "to: partnres")
    clinic.write("segments/bad.yaml", "catgory: school\n")
    ran = clinic.run("check")
    assert ran.code == 1
    for place in ("nurture.yaml:", f"{NEWSLETTER}:", "segments/bad.yaml:1:1"):
        assert place in ran.out


HEADER = "Email,First name,Last name,Category\n"
GOOD = "".join(f"p{number}@club.example,Pat,Number{number},sports_club\n" for number in range(30))

# (what is wrong, the file, exit code, words of the message, contacts afterwards)
BAD_SHEETS = [
    ("an empty file", b"", 2, ["empty"], 0),
    ("a header alone", HEADER.encode(), 1, ["no rows"], 0),
    ("no address column", b"Name,Phone\nPat,555-0100\n", 2, ["address"], 0),
    ("half of it bad", (HEADER + "x@club.example,A,B,school\nnot-an-address,C,D,school\n").encode(), 1, ["1 of 2 rows are bad", "--max-bad"], 0),
    ("a bad row among good ones", (HEADER + GOOD + "nobody,C,D,school\n").encode(), 1, ["rejected.csv"], 30),
    ("a ragged row", (HEADER + GOOD + "x@club.example,A,B,school,more,cells\n").encode(), 1, ["rejected.csv"], 30),
    ("a row without an address", (HEADER + GOOD + ",A,B,school\n").encode(), 1, ["rejected.csv"], 30),
    ("an unknown category", (HEADER + GOOD + "x@club.example,A,B,scool\n").encode(), 1, ["rejected.csv", "school"], 30),
    ("a hostile address", (HEADER + GOOD + '"x@club.example\nRCPT TO:<y@z.example>",A,B,school\n').encode(), 1, ["rejected.csv"], 30),
    ("bytes that are no text", b"\x00\x01\x02\xff\xfe\xfd" * 50, 2, [], 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "code", "words", "contacts"), [row[1:] for row in BAD_SHEETS], ids=[row[0] for row in BAD_SHEETS]
)
def test_a_bad_sheet_writes_only_its_good_rows_or_nothing(clinic, content, code, words, contacts):
    clinic.write("data/list.csv", content)
    ran = clinic.run("contacts", "import", "data/list.csv", "--yes")
    assert ran.code == code, ran
    for word in words:
        assert word in ran.said
    assert count(clinic, "contact") == contacts


def workbook(sheet, *, more=b""):
    """An XLSX file with one sheet of this XML."""
    kind = "http://schemas.openxmlformats.org"
    main, relations = f"{kind}/spreadsheetml/2006/main", f"{kind}/package/2006/relationships"
    office = f"{kind}/officeDocument/2006/relationships"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{kind}/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{relations}"><Relationship Id="a" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{relations}"><Relationship Id="a" Type="{office}/worksheet" Target="worksheets/s.xml"/></Relationships>',
        "xl/worksheets/s.xml": f'<worksheet xmlns="{main}"><sheetData>{sheet}</sheetData></worksheet>',
        "xl/media/more": more,
    }  # fmt: skip
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def cell(text, place=""):
    where = f' r="{place}"' if place else ""
    return f'<c{where} t="inlineStr"><is><t>{text}</t></is></c>'


LIST = f'<row r="1">{cell("Email", "A1")}</row><row r="2">{cell("lee@club.example", "A2")}</row>'

# (what is wrong, the file, words of the message)
BAD_WORKBOOKS = [
    ("a cell in the last corner", workbook(f'{LIST}<row r="1048576">{cell("x", "XFD1048576")}</row>'), ["row 1048576, column 16384"]),
    ("the same without places", workbook(f'<row>{cell("x") * 16_384}</row><row r="1048576">{cell("x")}</row>'), ["row 1048576, column 16384"]),
    ("a bomb", workbook(LIST, more=b" " * 301_000_000), ["more than 300 MB"]),
    ("broken XML", workbook("<row"), ["broken XML"]),
    ("half a file", workbook(LIST)[:600], ["is not a workbook that can be read"]),
    ("an archive of something else", b"PK\x03\x04" + bytes(1000), ["is not a workbook that can be read"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"), [row[1:] for row in BAD_WORKBOOKS], ids=[row[0] for row in BAD_WORKBOOKS]
)
def test_a_bad_workbook_is_refused_before_it_takes_the_memory(clinic, content, words):
    clinic.write("data/list.xlsx", content)
    ran = clinic.run("contacts", "import", "data/list.xlsx", "--category", "school", "--yes")
    assert ran.code == 2, ran
    for word in ["data/list.xlsx", *words]:
        assert word in ran.said
    assert count(clinic, "contact") == 0


def test_a_good_workbook_comes_in(clinic):
    clinic.write("data/list.xlsx", workbook(LIST))
    assert clinic.run("contacts", "import", "data/list.xlsx", "--category", "school", "--yes").code == 0
    assert count(clinic, "contact") == 1


def test_health_data_of_patients_is_refused(clinic):
    clinic.write("data/list.csv", "Email,Diagnosis\nx@home.example,knee\n")
    ran = clinic.run("contacts", "import", "data/list.csv", "--category", "past_patient", "--yes")
    assert ran.code == 1
    assert "Diagnosis" in ran.said
    assert "imports.allow_columns" in ran.said
    assert count(clinic, "contact") == 0


def test_hostile_names_are_cleaned_or_refused(clinic):
    names = ["Pat\x00", "Line\u2028break", "A" * 300, "=HYPERLINK(1)", "<script>", "{{ 7*7 }}"]
    rows = "".join(f'h{number}@club.example,"{name}",X,school\n' for number, name in enumerate(names))
    clinic.write("data/list.csv", HEADER + GOOD * 2 + rows)
    clinic.run("contacts", "import", "data/list.csv", "--yes")
    with sqlite3.connect(clinic.root / "data/nurture.db") as database:
        stored = [name for (name,) in database.execute("SELECT first_name FROM contact WHERE address LIKE 'h%'")]
    assert stored, "some of these are only odd, and must come in"
    for name in stored:
        assert "\x00" not in name
        assert "\u2028" not in name
        assert len(name) < 300


def count(clinic, table):
    with sqlite3.connect(clinic.root / "data/nurture.db") as database:
        return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_an_edition_for_nobody_is_skipped_and_says_so(clinic):
    ran = clinic.run("send", "partner-news", "--yes")
    assert ran.code == 0
    assert "empty segment" in ran.said or "no news" in ran.said


# --- the database -----------------------------------------------------------


def test_no_workspace(clinic, tmp_path):
    ran = clinic.run("status", cwd=tmp_path)
    assert ran.code == 2
    assert "nurture init" in ran.err


def test_a_mistyped_workspace_is_not_taken_for_the_one_above(clinic):
    for name in ("campains", "nurture.yaml"):
        ran = clinic.run("--workspace", clinic.root / name, "status")
        assert ran.code == 2
        assert name in ran.err


@pytest.mark.parametrize(
    "command",
    ["contacts export data", "contacts export missing/all.csv", "log --csv data", "preview partner-news --output nurture.yaml", "db backup missing/x.backup", "db backup nurture.yaml"],
)  # fmt: skip
def test_a_file_that_cannot_be_written_is_told_by_its_name(clinic, command):
    clinic.import_contacts()
    ran = clinic.run(*command.split())
    assert ran.code == 2
    assert ran.err.startswith("nurture: ")
    assert any(name in ran.err for name in ("data", "missing", "nurture.yaml"))
    assert not list(clinic.root.rglob("*.part"))


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://nurture:canary@127.0.0.1:1/x",
        "postgresql+psycopg://nurture:canary@127.0.0.1:1/x",
        "postgresql+psycopg://127.0.0.1:1/x?user=me&password=canary",
        "postgresql+psycopg://nurture:canary@127.0.0.1:port/x",
        "postgresql+psycopg://nurture:canary@127.0.0.1:1/x?nonsense=canary",
        "mysql://nurture:canary@127.0.0.1/x",
    ],
)
def test_a_database_that_cannot_be_reached_keeps_its_password(clinic, address):
    settings = (clinic.root / "nurture.yaml").read_text(encoding="utf-8")
    clinic.write("nurture.yaml", f'{settings}database: "{address}"\n')
    for command in ("status", "db upgrade", "db check"):
        ran = clinic.run(*command.split())
        assert ran.code in (1, 2), ran
        assert ran.said
        assert "canary" not in ran.said


def test_a_missing_database(clinic):
    (clinic.root / "data/nurture.db").unlink()
    ran = clinic.run("status")
    assert ran.code == 2
    assert "nurture db upgrade" in ran.err


def test_a_file_that_is_no_database(clinic):
    clinic.write("data/nurture.db", b"not a database" * 1000)
    ran = clinic.run("status")
    assert ran.code == 2
    assert "nurture.db" in ran.err
    assert "Traceback" not in ran.err


def test_a_newer_database(clinic):
    with sqlite3.connect(clinic.root / "data/nurture.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    ran = clinic.run("status")
    assert ran.code == 2
    assert "newer" in ran.err


def test_a_locked_database(clinic, monkeypatch):
    from datetime import timedelta

    from nurture.store.opening import open_store

    monkeypatch.setattr(
        open_store,
        "__kwdefaults__",
        {**open_store.__kwdefaults__, "busy_timeout": timedelta(seconds=0.2)},
    )
    database = sqlite3.connect(clinic.root / "data/nurture.db", isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    try:
        ran = clinic.run("pause", "partner-news")
    finally:
        database.execute("ROLLBACK")
        database.close()
    assert ran.code == 2
    assert "nurture.db" in ran.err
    assert count(clinic, "campaign_control") == 0


def test_a_full_disk(clinic):
    with sqlite3.connect(clinic.root / "data/nurture.db") as database:
        pages = database.execute("PRAGMA page_count").fetchone()[0]
    clinic.import_contacts()
    before = count(clinic, "contact")
    fill = f"{HEADER}{GOOD}".replace("p", "q", 1)
    clinic.write("data/list.csv", fill)
    with small_database(clinic, pages):
        ran = clinic.run("contacts", "import", "data/list.csv", "--yes")
    assert ran.code == 2, ran
    assert "full" in ran.said or "space" in ran.said
    assert count(clinic, "contact") == before


def small_database(clinic, pages):
    """Let SQLite believe that the disk ends a few pages from here."""
    import contextlib

    import sqlalchemy as sa

    def limit(connection, _record):
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    @contextlib.contextmanager
    def listening():
        sa.event.listen(sa.Engine, "connect", limit)
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, "connect", limit)

    return listening()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that it may not write itself")
def test_a_secret_that_others_can_read(clinic):
    secret = clinic.write("data/smtp.secret", "hunter2-canary")
    secret.chmod(0o644)
    clinic.change(
        "nurture.yaml",
        "    # smtp:",
        "    smtp: {host: localhost, username: me, password: 'file:data/smtp.secret'}\n    # smtp:",
    )
    ran = clinic.run("check")
    assert ran.code == 1
    assert "chmod 600" in ran.said
    assert "canary" not in ran.said
