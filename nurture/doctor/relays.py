"""Mail companies whose servers are known by name, and what an SPF record must include for them (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KnownRelay:
    """A company that carries mail for others; all of it stands in its own help pages."""

    name: str
    hosts: tuple[str, ...]  # its servers; those that begin with a dot are endings
    include: str
    own_envelope: bool  # whether it puts an envelope address of its own in the place of ours
    mailboxes: str = ""  # the mailbox provider that it is, by its name in nurture.workspace.providers


KNOWN_RELAYS = (
    KnownRelay(
        "Google", ("smtp.gmail.com", "smtp-relay.gmail.com"), "_spf.google.com", own_envelope=False, mailboxes="google"
    ),
    KnownRelay(
        "Microsoft 365",
        ("smtp.office365.com", ".mail.protection.outlook.com"),
        "spf.protection.outlook.com",
        own_envelope=False,
        mailboxes="microsoft",
    ),
    KnownRelay("Amazon SES", (".amazonaws.com",), "amazonses.com", own_envelope=True),
    KnownRelay("Mailgun", ("smtp.mailgun.org", "smtp.eu.mailgun.org"), "mailgun.org", own_envelope=True),
    KnownRelay("Postmark", (".postmarkapp.com",), "spf.mtasv.net", own_envelope=True),
    KnownRelay("SendGrid", ("smtp.sendgrid.net",), "sendgrid.net", own_envelope=True),
    KnownRelay("Fastmail", ("smtp.fastmail.com",), "spf.messagingengine.com", own_envelope=False),
)


def known_relay(host: str) -> KnownRelay | None:
    """Who runs the server of this name, if that is known."""
    host = host.lower().rstrip(".")
    for relay in KNOWN_RELAYS:
        if any(host.endswith(name) if name.startswith(".") else host == name for name in relay.hosts):
            return relay
    return None
