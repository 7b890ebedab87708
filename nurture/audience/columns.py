"""Which column of a file holds which field. Pure.

Headers are recognized by their usual names; a saved import or ``--map`` says
it where they are not. Columns that nobody asked for stay out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nurture.errors import InputError
from nurture.workspace.names import ATTRIBUTE
from nurture.workspace.saved_import import IMPORT_FIELDS
from nurture.workspace.suggestions import did_you_mean

# Fields that only imports know: how one person consented.
CONSENT_FIELDS: Final = ("consent", "consent_source", "consent_date", "consent_until")
_REFUSED_AS_TARGET: Final = ("domain", "created_at")


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split("; "))


# The first that is there counts; "address" comes last, for it is a street more often.
_SYNONYMS: Final[Mapping[str, tuple[str, ...]]] = {
    "address": _names(
        "e mail; email; email address; e mail address; mail; mail address; email 1; primary email; work "
        "email; contact email; correo; correo electronico; courriel; address"
    ),
    "external_id": _names("id; external id; contact id; client id; customer id; member id"),
    "title": _names("title; salutation; prefix; honorific; name prefix; anrede"),
    "first_name": _names("first name; firstname; first; given name; forename; fname; vorname; nombre; prenom"),
    "last_name": _names("last name; lastname; last; surname; family name; lname; nachname; apellido; apellidos"),
    "role": _names("role; job title; position; function; occupation; specialty"),
    "phone": _names(
        "phone; phone number; telephone; tel; mobile; mobile phone; cell; cell phone; work phone; telefon; telefono"
    ),
    "language": _names("language; lang; preferred language"),
    "time_zone": _names("time zone; timezone; tz"),
    "country": _names("country; country code"),
    "discharged_on": _names(
        "discharged on; discharged; discharge date; date of discharge; last visit; last visit date; last "
        "appointment; treatment ended; end of treatment"
    ),
    "may_track": _names("may track; tracking allowed; tracking"),
    "category": _names("category; categories; contact type; kind of contact"),
    "tags": _names("tags; tag; labels; groups"),
    "organization": _names(
        "organization; organisation; organization name; company; company name; business; employer; practice; "
        "practice name; clinic; club; school; agency; firma"
    ),
    "org.phone": _names("organization phone; company phone; practice phone; office phone; main phone"),
    "org.site": _names("website; web site; site; url; homepage; web; company website"),
    "org.city": _names("city; town; organization city; ciudad; ort"),
    "org.region": _names("state; region; province; state province; organization state"),
    "org.postal_code": _names("postal code; postcode; zip; zip code; zipcode; plz"),
    "org.country": _names("organization country; company country"),
    "org.time_zone": _names("organization time zone"),
    "org.owner": _names("owner; account owner; relationship owner"),
    "consent": _names("consent; consent kind; consent type"),
    "consent_source": _names("consent source; source of consent"),
    "consent_date": _names("consent date; date of consent; consented on"),
    "consent_until": _names("consent until; consent valid until; consent expires; consent expires on; consent expiry"),
}

# Health data and identity numbers (45 CFR 164.502(b): only what is needed).
# Long words count anywhere in a header, short ones only as a word of their own.
_SENSITIVE_PARTS: Final = _names(
    "diagnos; birth; medicalrecord; recordnumber; recordno; recordnum; recordid; chartnumber; chartno; chartid; "
    "patientid; patientno; patientnumber; socialsecurity; insurance; policynumber; medicare; medicaid; medication; "
    "prescription; allerg; symptom; surgery; injury; comorbid; geburt; nacimiento; naissance; krankheit; "
    "medicalhistory; healthhistory; clinicalnote; treatmentnote; visitnote; icdcode"
)
_SENSITIVE_WORDS: Final = frozenset(_names("age; bday; cpt; dob; dx; ehr; emr; icd; icd10; icd9; mrn; nhs; phn; ssn"))


@dataclass(frozen=True, slots=True)
class Columns:
    """``fields`` maps a field to its place among the cells, ``headers`` to its header.

    ``unused`` are the headers that nobody asked for, ``all_headers`` is the first row.
    """

    fields: Mapping[str, int]
    headers: Mapping[str, str]
    unused: tuple[str, ...]
    all_headers: tuple[str, ...]


def match_columns(headers: Sequence[str], mapping: Mapping[str, str], *, recognize: bool = True) -> Columns:
    """Find the fields among the headers.

    ``mapping`` (field to header) says where they are; with ``recognize`` other
    fields are found by their usual names. Raises `InputError` that says what is missing.
    """
    _check_headers(headers)
    places = {fold_header(header): place for place, header in enumerate(headers) if header}
    found: dict[str, int] = {}
    for name, header in mapping.items():
        check_field(name)
        if fold_header(header) not in places:
            hint = did_you_mean(header, headers)
            raise InputError(f"there is no column {header!r}{hint}; the columns are {', '.join(headers)}")
        found[name] = places[fold_header(header)]
    for name, synonyms in _SYNONYMS.items():
        if name in found or not (recognize or name == "address"):
            continue
        place = next((places[header] for header in (*synonyms, fold_header(name)) if header in places), None)
        if place is not None and place not in found.values():
            found[name] = place
    if "address" not in found:
        raise InputError(
            f"no column holds mail addresses; the columns are {', '.join(filter(None, headers))}. "
            "Say which with --map address=HEADER"
        )
    used = set(found.values())
    return Columns(
        fields=found,
        headers={name: headers[place] for name, place in found.items()},
        unused=tuple(header for place, header in enumerate(headers) if header and place not in used),
        all_headers=tuple(headers),
    )


def check_field(name: str) -> None:
    """Raise `InputError` if ``name`` is neither a field nor a possible custom attribute."""
    known = tuple(field for field in (*IMPORT_FIELDS, *CONSENT_FIELDS) if field not in _REFUSED_AS_TARGET)
    if name in known:
        return
    hint = did_you_mean(name, known, cutoff=0.75)
    if hint or name in _REFUSED_AS_TARGET or not ATTRIBUTE.fullmatch(name):
        raise InputError(f"there is no field `{name}`{hint or '; custom attributes have names of a-z, 0-9 and _'}")


def is_attribute(name: str) -> bool:
    """Whether a field of `Columns` is a custom attribute."""
    return name not in IMPORT_FIELDS and name not in CONSENT_FIELDS


def sensitive_columns(names: Iterable[str], allowed: Collection[str]) -> tuple[str, ...]:
    """The headers (or fields) that hold health data or identity numbers and are not allowed.

    Spelling does not count: ``D.O.B.``, ``Date of birth`` and ``birth_date`` are one.
    """
    permitted = {_joined(name) for name in allowed}
    return tuple(name for name in names if _joined(name) not in permitted and _is_sensitive(name))


def _is_sensitive(name: str) -> bool:
    joined = _joined(name)
    return (
        joined in _SENSITIVE_WORDS
        or any(part in joined for part in _SENSITIVE_PARTS)
        or not (_SENSITIVE_WORDS.isdisjoint(fold_header(name).split()))
    )


def _joined(header: str) -> str:
    return fold_header(header).replace(" ", "")


def address_place(headers: Sequence[str]) -> int | None:
    """Where the mail addresses stand: the column with the likeliest of the usual names, or None."""
    places = {fold_header(header): place for place, header in reversed(list(enumerate(headers)))}
    return next((places[name] for name in _SYNONYMS["address"] if name in places), None)


def fold_header(header: str) -> str:
    """A header as it is compared: case, accents, punctuation and the border in ``firstName`` do not count."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", header)
    plain = "".join(
        letter for letter in unicodedata.normalize("NFKD", spaced.casefold()) if not unicodedata.combining(letter)
    )
    return " ".join(re.sub(r"[^a-z0-9]+", " ", plain).split()) or plain.strip()


def _check_headers(headers: Sequence[str]) -> None:
    named = [fold_header(header) for header in headers if header]
    twice = sorted({header for header in headers if header and named.count(fold_header(header)) > 1})
    if twice:
        raise InputError(f"two columns have the same name: {', '.join(twice)}; rename one of them")
    if any("@" in header for header in headers):
        raise InputError("the first row holds an address; the file needs a first row that names its columns")
