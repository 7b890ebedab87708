"""Automatic answers (RFC 3834): a machine answered for a person. Judged by fields first, then by words.

A person taken for a machine is a reply lost, so words alone decide only where
nobody would write them: a subject that mail programs make, or a sentence in which
the machine says that it is one.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache

from nurture.inbox.addresses import addresses_in
from nurture.inbox.judgement import Automatic, Judgement
from nurture.inbox.mail import Mail
from nurture.inbox.original import message_id
from nurture.inbox.reply import newest_words
from nurture.inbox.return_date import return_date
from nurture.inbox.word_lists import any_of, read_words
from nurture.vocabulary import AutomaticKind, MailKind

_MAX_WORDS = 4000
_ANSWERS = re.compile(
    r"^\s*(?:\[[^\]]{1,60}\]\s*)?(?:re|aw|sv|vs|antw|rif|odp|ynt|tr|fwd?|wg|rv|enc|回复|答复|返信)\s*[:：]",
    re.IGNORECASE,
)
_IN_BRACKETS = re.compile(r"[(\[（]([^()\[\]（）]{3,80})[)\]）]\s*$")
# names of fields that vacation programs invent; Outlook puts X-Auto-Response-Suppress into people's mails
_FIELD = re.compile(r"auto-?(?:repl|respon(?!se-suppress)|answer|generat)|vacation|out-?of-?office|machine-?generated")
_ABSENCE = re.compile(
    r"\booo\b|out.of|abwesen|urlaub|absence|ausen|assen|afwezig|fr[åa]nvaro|frav[æe]r|nieobecn"
    r"|vacation|away until|不在",
    re.IGNORECASE,
)
_NO = re.compile(r"\s*(?:no|false|none|0)?\s*", re.IGNORECASE)
_PROGRAM = re.compile(r"\bvacation\b|auto-?(?:respond|reply)", re.IGNORECASE)


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    table = read_words("automatic.toml")
    subject, body, kind = table["subject"], table["body"], table["kind"]
    begins = r"^\s*(?:\[[^\]]{1,60}\]\s*)?(?:%s)\s*[:：]"
    return {
        "prefix": re.compile(begins % any_of(subject["prefixes"]).pattern, re.IGNORECASE),
        "weak": re.compile(begins % any_of(subject["weak"]).pattern, re.IGNORECASE),
        "whole": any_of(subject["whole"]),
        "machine": re.compile(
            rf"^\W{{0,10}}(?:(?:hello|hi|dear|thank)[^\n]{{0,80}}\W{{1,5}})?(?:{any_of(body['machine']).pattern})",
            re.IGNORECASE | re.MULTILINE,
        ),
        "away": any_of(body["away"]),
        "left": any_of(kind["left"]),
        "moved": any_of(kind["moved"]),
        "challenge": any_of(kind["challenge"]),
        "receipt": any_of(kind["receipt"]),
        "receipt_subject": re.compile(begins % any_of(kind["receipt_subject"]).pattern, re.IGNORECASE),
    }


def judge_automatic(mail: Mail) -> Judgement | None:
    """The judgement of an automatic answer; None where a person may have written."""
    words = newest_words(mail)
    is_receipt = _is_receipt(mail, words)
    why = "it is a read receipt (RFC 8098)" if is_receipt else _evidence(mail, words)
    if why is None:
        return None
    kind = AutomaticKind.RECEIPT if is_receipt else _kind(mail, words)
    until = new_address = None
    if kind in (AutomaticKind.LEFT, AutomaticKind.MOVED):
        new_address = _new_address(mail, words, kind)
    if kind is AutomaticKind.OUT_OF_OFFICE and mail.date is not None:
        until = _until(mail, words, mail.date.date())
    return Judgement(
        MailKind.AUTOREPLY,
        why,
        automatic=Automatic(kind, until, new_address),
        original_message_id=message_id(mail.fields, "in-reply-to"),
        text=words or None,
    )


def _evidence(mail: Mail, words: str) -> str | None:
    """Why this is a machine's answer; None where nothing says so."""
    return _field(mail) or _subject(mail, words) or _body(mail, words)


def _field(mail: Mail) -> str | None:
    # RFC 3834 5: a keyword, perhaps with parameters and comments
    submitted = re.split(r"[;(\s]", mail.fields.raw("auto-submitted").strip().lower(), maxsplit=1)[0]
    if submitted and submitted != "no":
        return f"its field Auto-Submitted says {submitted} (RFC 3834)"
    for name, value in mail.fields.pairs:
        if _FIELD.search(name) and name != "auto-submitted" and not _NO.fullmatch(value):
            return f"its field {name} is one of vacation programs"
        if name in ("precedence", "x-precedence") and re.match(r"\s*auto[-_]?reply", value, re.IGNORECASE):
            return f"its field {name} says {value.strip()}"
        if name in (
            "x-mailer",
            "user-agent",
            "x-post-messageclass",
            "delivered-to",
            "x-ms-exchange-generated-message-source",
        ) and _PROGRAM.search(value):
            return f"its field {name} names a vacation program"
    if "x-ms-exchange-inbox-rules-loop" in mail.fields and not _ANSWERS.match(mail.subject):
        return "a rule of a mailbox sent it (X-MS-Exchange-Inbox-Rules-Loop)"
    return None


def _subject(mail: Mail, words: str) -> str | None:
    patterns = _patterns()
    away = (
        patterns["away"].search(words[:_MAX_WORDS]) is not None or patterns["machine"].search(words[:1500]) is not None
    )
    if not _ANSWERS.match(mail.subject):
        if patterns["prefix"].match(mail.subject):
            return "mail programs begin the subjects of automatic answers so"
        if (
            (patterns["weak"].match(mail.subject) or patterns["whole"].fullmatch(mail.subject))
            and away
            and "in-reply-to" in mail.fields
        ):
            return "its subject and its words tell of an absence or a receipt, as automatic answers do"
    bracketed = _IN_BRACKETS.search(mail.subject)
    if bracketed and patterns["whole"].fullmatch(bracketed[1].strip()) and away:
        return "an absence stands behind its subject, as some mail programs put it"
    return None


def _body(mail: Mail, words: str) -> str | None:
    patterns = _patterns()
    if patterns["machine"].search(words[:1500]):
        return "it says itself that a machine wrote it"
    nameless = [value.strip() for value in mail.fields.every("return-path")][:1] == ["<>"]  # RFC 5321 4.5.5
    if nameless and patterns["away"].search(words[:_MAX_WORDS]):
        return "it came without a return path and tells of an absence"
    return None


def _is_receipt(mail: Mail, words: str) -> bool:
    if mail.first("message/disposition-notification") is not None:
        return True
    if mail.parameters.get("report-type", "").lower() == "disposition-notification":
        return True
    patterns = _patterns()
    return (
        patterns["receipt_subject"].match(mail.subject) is not None
        and patterns["receipt"].search(words[:1500]) is not None
    )


def _kind(mail: Mail, words: str) -> AutomaticKind:
    patterns = _patterns()
    said = f"{mail.subject}\n{' '.join(words[:_MAX_WORDS].split())}"
    if patterns["challenge"].search(said):
        return AutomaticKind.CHALLENGE
    if patterns["left"].search(said):
        return AutomaticKind.LEFT
    if patterns["moved"].search(said):
        return AutomaticKind.MOVED
    if patterns["away"].search(said) or patterns["weak"].match(mail.subject) or _tells_absence(mail.subject):
        return AutomaticKind.OUT_OF_OFFICE
    return AutomaticKind.OTHER


def _tells_absence(subject: str) -> bool:
    return _ABSENCE.search(subject) is not None


def _until(mail: Mail, words: str, today: date) -> date | None:
    return return_date(words, today=today) or return_date(mail.subject, today=today)


def _new_address(mail: Mail, words: str, kind: AutomaticKind) -> str | None:
    """Whom to write to instead: for one who moved preferably the same name elsewhere, else the first address named."""
    known = {mail.sender}
    for name in ("to", "cc", "delivered-to", "envelope-to"):
        known.update(address.lower() for value in mail.fields.every(name) for address in addresses_in(value))
    found = [address for address in addresses_in(words[:_MAX_WORDS]) if address.lower() not in known]
    if kind is AutomaticKind.MOVED:
        local = mail.sender.partition("@")[0]
        found.sort(key=lambda address: address.lower().partition("@")[0] != local)
    return found[0] if found else None
