"""What somebody can do about a mail server's no. Pure; the words follow the server's own."""

from __future__ import annotations

from nurture.delivery.dialing import DialError, LoginRefusedError
from nurture.delivery.transaction import Ending
from nurture.vocabulary import AttemptOutcome, AttemptPhase, Verdict

_LOGIN = (530, 534, 535, 538)  # RFC 4954 6


def about_session(error: DialError, *, sender: str) -> str:
    """Why no session came about, and what to do; ``sender`` is the key under ``senders``."""
    account = f"senders.{sender}.smtp"
    if error.reply is not None and error.reply.code in _LOGIN and not isinstance(error, LoginRefusedError):
        return (
            f"{error.words}. Check {account}.username and the secret that {account}.password refers to; many "
            "providers want an app password made for this program, not the password of the account"
        )
    if error.refused:  # its words say what to do
        return error.words
    return f"{error.words}. Check {account}.host and port, and whether this machine may reach it; else try again later"


def about_ending(ending: Ending, *, sender: str, from_address: str) -> str:
    """What to do after a mail ended so; empty where there is nothing to do."""
    end = ending.end
    if end.outcome is AttemptOutcome.UNCERTAIN:
        return "it may have arrived all the same: look into the mailbox before you try again"
    if end.outcome in (AttemptOutcome.SENT, AttemptOutcome.ABANDONED):
        return ""
    if ending.verdict is Verdict.RETRY:
        return "refused for now: try again in some minutes"
    match end.phase:
        case AttemptPhase.MAIL if end.code is not None:
            return (
                f"this account may not send as {from_address}: allow that address with your mail provider, "
                f"or change senders.{sender}.address"
            )
        case AttemptPhase.RCPT if ending.verdict is Verdict.FAIL_ADDRESS:
            return "this address does not take mail: correct it under test_recipients in nurture.yaml"
        case AttemptPhase.RCPT:
            return (
                "the mail server takes no mail from us to this address: does it want a login "
                f"(senders.{sender}.smtp.username), or does it refuse this machine's network?"
            )
        case AttemptPhase.DATA | AttemptPhase.BODY:
            return "refused for what it says or who signed it: see nurture preview and nurture dkim show"
        case _:
            return ""
