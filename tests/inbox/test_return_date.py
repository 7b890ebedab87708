"""When somebody is back, in the words of a dozen languages; each mail was written on Monday, September 14, 2026."""

from datetime import date

import pytest

from nurture.inbox.return_date import return_date

MONDAY = date(2026, 9, 14)
ABSENCES = [
    ("I am out of the office until Monday.", "2026-09-21"),
    ("I will be out of the office from September 14 until September 20 and will return on September 21.", "2026-09-21"),
    ("Sono fuori ufficio fino al 25 settembre.", "2026-09-25"),
    ("Ik ben afwezig tot 25 september.", "2026-09-25"),
    ("Estou fora do escritório até 25 de setembro.", "2026-09-25"),
    ("9月25日まで不在にしております。", "2026-09-25"),
    ("I am traveling July 10-31.", None),
    ("I am traveling September 20-25", "2026-09-25"),
    ("Ich bin bis einschließlich 25.09.2026 nicht im Büro.", "2026-09-25"),
    ("Ich bin vom 14.09. bis 25.09. im Urlaub. Ab dem 28.09. bin ich wieder erreichbar.", "2026-09-28"),
    ("Je suis absent du 14 au 25 septembre. De retour le 28 septembre.", "2026-09-28"),
    ("Je suis en congés jusqu'au 25 septembre inclus.", "2026-09-25"),
    ("Estaré fuera de la oficina hasta el 25 de septiembre.", "2026-09-25"),
    ("Estaré de vacaciones del 14 al 25 de septiembre. Regreso el lunes 28 de septiembre", "2026-09-28"),
    ("Jag är på semester till och med 25 september, åter den 28 september", "2026-09-28"),
    ("Jestem na urlopie do 25 września. Wracam 28 września.", "2026-09-28"),
    ("I'm away, back on 9/28.", "2026-09-28"),
    ("I will be back 28/9/2026", "2026-09-28"),
    ("I will be out until 12/31", "2026-12-31"),
    ("Out of office until January 4", "2027-01-04"),
    ("Back on September 1", None),
    ("I will be back in the office tomorrow.", "2026-09-15"),
    ("I'll return Wednesday, September 16th.", "2026-09-16"),
    ("returning to the office on Mon, 21 Sep 2026", "2026-09-21"),
    ("我将外出，9月25日回来。", "2026-09-25"),
    ("Voltarei no dia 28 de setembro", "2026-09-28"),
    ("Rientrerò lunedì 28 settembre", "2026-09-28"),
    ("We are closed for the holidays and reopen on Jan 4, 2027.", "2027-01-04"),
    ("I am on maternity leave until 2027-03-01.", "2027-03-01"),
    ("I'm out this week. For urgent matters call 555-123-4567.", None),
    ("My office hours are Monday to Friday 9-5.", None),
    ("Bin am Montag, den 21. September wieder da.", "2026-09-21"),
    ("Ik ben op 28 september weer terug", "2026-09-28"),
    ("Ik ben er weer vanaf maandag 28 september", "2026-09-28"),
    ("休暇のため、9月21日(月)から出社いたします", "2026-09-21"),
    ("Я в отпуске до 25 сентября", "2026-09-25"),
    ("I am on leave from 14 to 25 September 2026", "2026-09-25"),
    ("I am out of the office today and will respond when I return on the 21st of September.", "2026-09-21"),
    ("Je serai de retour lundi", "2026-09-21"),
    ("I'm out of office and back next Monday", "2026-09-21"),
    ("Vuelvo el 21/09/2026", "2026-09-21"),
    ("Volveré a la oficina el lunes 21 de septiembre.", "2026-09-21"),
    ("I will be out of the office starting 09/14/2026 and will not return until 09/21/2026.", "2026-09-21"),
    ("away Sept 14 through Sept 18", "2026-09-18"),
]


@pytest.mark.parametrize(("words", "day"), ABSENCES)
def test_the_day_of_return_is_found(words, day):
    found = return_date(words, today=MONDAY)
    assert found == (date.fromisoformat(day) if day else None)


@pytest.mark.parametrize("words", [words for words, _ in ABSENCES])
@pytest.mark.parametrize("today", [date(2024, 2, 29), date(2026, 9, 26), date(2026, 12, 31), date(2031, 1, 1)])
def test_the_day_is_never_over(words, today):
    found = return_date(words, today=today)
    assert found is None or found >= today
