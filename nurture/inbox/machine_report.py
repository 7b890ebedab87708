"""Machines' reports about a domain: DMARC (RFC 9990; RFC 7489 7.2) and TLS (RFC 8460).

Known by their form; nothing is unpacked.
"""

from __future__ import annotations

import re

from nurture.inbox.judgement import Judgement
from nurture.inbox.mail import Mail, Part
from nurture.vocabulary import MailKind

_DMARC_SUBJECT = re.compile(
    r"\breport[ _-]?domain\s*:\s*\S.{0,300}?(?:\bsubmitter\s*:|\breport-?id\s*:)|\bdmarc\b.{0,40}\breport\b",
    re.IGNORECASE,
)
# receiver!policy-domain!begin!end.xml.gz (RFC 7489 7.2.1.1); some write other marks between
_DMARC_FILE = re.compile(
    r"[^!\s]{1,250}![^!\s]{1,250}!\d{6,12}!\d{6,12}(?:![^!\s.]{1,80})?\.(?:xml(?:\.gz)?|zip|gz)", re.IGNORECASE
)
_PACKED = (
    "application/zip",
    "application/gzip",
    "application/x-gzip",
    "application/x-zip-compressed",
    "application/octet-stream",
    "text/xml",
    "application/xml",
    "application/x-zip",
)
_TLS_TYPES = ("application/tlsrpt+gzip", "application/tlsrpt+json")
_TLS_FILE = re.compile(
    r"[^!\s]{1,250}![^!\s]{1,250}!\d{6,12}!\d{6,12}(?:![^!\s.]{1,80})?\.json(?:\.gz)?", re.IGNORECASE
)


def judge_machine_report(mail: Mail) -> Judgement | None:
    """The judgement of such a report; None where this is none."""
    if _is_tls_report(mail):
        return Judgement(MailKind.REPORT, "it is a report about encrypted delivery (TLS-RPT, RFC 8460)")
    if _is_dmarc_report(mail):
        return Judgement(MailKind.REPORT, "it is a report about who sends under our domain (DMARC, RFC 9990)")
    return None


def _is_tls_report(mail: Mail) -> bool:
    if mail.parameters.get("report-type", "").lower() == "tlsrpt" or "tls-report-domain" in mail.fields:
        return True
    return any(part.content_type in _TLS_TYPES or _TLS_FILE.fullmatch(part.file_name) for part in mail.own_parts)


def _is_dmarc_report(mail: Mail) -> bool:
    files = [part for part in mail.own_parts if _is_packed(part)]
    if any(_DMARC_FILE.fullmatch(part.file_name.strip()) for part in files):
        return True
    if any(b"<feedback" in part.body[:2000] and b"report_metadata" in part.body[:4000] for part in mail.own_parts):
        return True
    return bool(files) and _DMARC_SUBJECT.search(mail.subject) is not None


def _is_packed(part: Part) -> bool:
    return part.content_type in _PACKED or part.file_name.lower().endswith((".gz", ".zip", ".xml"))
