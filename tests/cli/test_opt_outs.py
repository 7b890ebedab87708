"""`nurture suppress import` as a clinic uses it that comes from another mail system."""

import json

LIST = "Email,Status\nlee@valley-ortho.example,unsubscribed\nnew@x.example,bounced\nstays@x.example,active\n"


def test_who_left_elsewhere_is_shown_then_suppressed_and_gets_no_mail(clinic):
    clinic.import_contacts()
    clinic.write("left.csv", LIST)
    looked = clinic.run("suppress", "import", "left.csv", "--dry-run")
    assert looked.code == 0
    assert "left.csv: list with the column Status" in looked.out
    assert "1 hard_bounced, 1 unsubscribed; 1 who did not leave is left alone" in looked.said
    assert "2 addresses to suppress (1 hard_bounced, 1 unsubscribed); 1 of the clinic's contacts" in looked.said
    assert json.loads(clinic.run("contacts", "suppressed", "--json").out) == []

    done = clinic.run("suppress", "import", "left.csv", "--yes")
    assert done.code == 0
    assert "Suppressed 2 addresses" in done.said
    assert "is suppressed" in clinic.run("why", "lee@valley-ortho.example", "partner-news").said
    assert len(json.loads(clinic.run("contacts", "list", "--json").out)) == 2
    again = clinic.run("suppress", "import", "left.csv")
    assert again.code == 0, "nothing is left to ask about"
    assert "2 suppressed already stay so" in again.said


def test_nobody_to_answer_means_nothing_is_written(clinic):
    clinic.write("left.csv", LIST)
    ran = clinic.run("suppress", "import", "left.csv")
    assert ran.code == 2
    assert "say --yes" in ran.err
    assert json.loads(clinic.run("contacts", "suppressed", "--json").out) == []


def test_rows_that_cannot_be_read_are_named_and_the_others_taken(clinic):
    clinic.write("left.csv", "Email,Status\nno address,unsubscribed\na@x.example,unsubscribed\n")
    ran = clinic.run("suppress", "import", "left.csv", "--yes")
    assert ran.code == 1
    assert "left.csv:2" in ran.out
    assert "Suppressed 1 address." in ran.said


def test_many_bad_rows_are_counted_and_not_all_printed(clinic):
    clinic.write("left.csv", "Email,Status\n" + "a@x.example,Dormant\n" * 1_500)
    ran = clinic.run("suppress", "import", "left.csv", "--yes")
    assert ran.code == 1
    assert ran.out.count("does not say whether") == 20
    assert "(and 1480 more rows like these)" in ran.out


def test_a_list_that_does_not_say_who_left_is_refused_with_the_way_out(clinic):
    clinic.write("people.csv", "Email,Name\na@x.example,Kim\n")
    ran = clinic.run("suppress", "import", "people.csv", "--yes")
    assert ran.code == 2
    assert "--all-unsubscribed" in ran.err
    assert clinic.run("suppress", "import", "people.csv", "--yes", "--all-unsubscribed").code == 0


def test_programs_get_the_same_as_json(clinic):
    clinic.write("left.csv", LIST)
    ran = clinic.run("suppress", "import", "left.csv", "--yes", "--json")
    found = json.loads(ran.out)
    assert found["written"] == found["would_change"]
    assert found["written"]["new"] == {"hard_bounced": 1, "unsubscribed": 1}
    assert found["files"][0]["opt_outs"] == {"unsubscribed": 1, "hard_bounced": 1}


def test_a_file_steers_no_terminal(clinic):
    clinic.write("left.csv", "Email,Status\na@x.example,\x1b[2JDormant\n")
    ran = clinic.run("suppress", "import", "left.csv", "--yes")
    assert "\x1b[2J" not in ran.out + ran.err
