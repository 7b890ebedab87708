"""Words for what comes back: bounces, automatic answers, replies, opens and clicks."""

from enum import StrEnum


class MailKind(StrEnum):
    """What a mail in the clinic's mailbox is; judged in this order, own first (`inbox/judging.py`)."""

    OWN = "own"  # we sent it ourselves
    BOUNCE = "bounce"  # a mail server tells what became of a mail
    COMPLAINT = "complaint"  # a provider tells that a reader pressed "spam", or wants out
    REPORT = "report"  # a machine's report about a domain or one mail: DMARC, TLS, failed signatures
    AUTOREPLY = "autoreply"  # a machine answered for a person
    REPLY = "reply"  # a person wrote
    UNKNOWN = "unknown"  # nothing that could be read


class BounceKind(StrEnum):
    """What became of a mail, by the words of the server that reports it."""

    HARD = "hard"  # the address is dead
    SOFT = "soft"  # a trouble that passes, of the mailbox or on the way
    SENDER = "sender"  # we were refused, or this mail; never the address's fault
    DELAYED = "delayed"  # still being tried
    DELIVERED = "delivered"  # it arrived


class BounceAct(StrEnum):
    """What a bounce led to."""

    SUPPRESS_HARD = "suppress_hard"  # it does not exist
    SUPPRESS_SOFT = "suppress_soft"  # it failed too often
    RECORD = "record"  # kept in the log, nothing else
    DOUBT = "doubt"  # kept in the log, and somebody shall look: nobody is suppressed
    BLAME_US = "blame_us"  # kept in the log, and the owner hears that our mail is refused


class AutomaticKind(StrEnum):
    """What an automatic answer tells."""

    OUT_OF_OFFICE = "out_of_office"  # away for a while
    LEFT = "left"  # the person no longer works there
    MOVED = "moved"  # the person has another address
    RECEIPT = "receipt"  # the mail was shown or thrown away (RFC 8098)
    CHALLENGE = "challenge"  # wants a proof that a person wrote
    OTHER = "other"  # got it, nobody reads here, opening hours


class ReplyTopic(StrEnum):
    """What a person's answer is about, by plain words (`inbox/topics.toml`)."""

    STOP = "stop"  # wants no more mail
    REFERRAL = "referral"  # has somebody to send to the clinic, or asks how
    MEETING = "meeting"  # wants to meet, to be called, to visit
    ADDRESS_CHANGE = "address_change"  # another address, another person to write to
    QUESTION = "question"  # asks something else
    THANKS = "thanks"  # thanks, and nothing else
    OTHER = "other"  # none of these


class ReplyStanding(StrEnum):
    """How a reply stands; the first ones need somebody most."""

    OVERDUE = "overdue"  # waits longer than the limit
    SOON = "soon"  # more than half of the limit is over
    WAITING = "waiting"  # waits for an answer
    NO_ANSWER_NEEDED = "no_answer_needed"  # thanks alone, or a wish to leave
    SNOOZED = "snoozed"  # somebody looks at it later
    ENDED = "ended"  # answered, or done


class MatchedBy(StrEnum):
    """By what a mail that came in was linked to one of ours; strongest first."""

    SIGNED = "signed"  # a token of ours that only this mail carried
    MESSAGE_ID = "message_id"  # our Message-ID in its headers
    RELAY_ID = "relay_id"  # the name that the relay gave our mail
    ADDRESS = "address"  # the address alone, which anybody can write
    ORGANIZATION = "organization"  # a colleague: the same domain


class ProposalKind(StrEnum):
    """What a machine said of a contact, for somebody to confirm."""

    LEFT = "left"  # does not work there any more
    MOVED = "moved"  # has another address


class LinkPurpose(StrEnum):
    """What a signed link is for; a token for one purpose is worth nothing for another."""

    LEAVE = "leave"  # the way out of a mail
    BOUNCE = "bounce"  # the return path of one mail
    PROBE = "probe"  # our own question whether the page can be reached
    VIEW = "view"  # the mail as a page for a browser
    PREFERENCES = "preferences"  # what somebody gets, and how often
    OPEN = "open"  # the pixel of one mail
    EDITION_OPEN = "edition_open"  # the pixel that all past patients of an edition share; names nobody
    CLICK = "click"  # the links of one mail
    ADDRESS = "address"  # the yes of somebody whose mail shall go to a new address


class Visitor(StrEnum):
    """Who or what fetched a pixel or followed a link; each judgement keeps its evidence."""

    PERSON = "person"  # nothing speaks for a machine
    MAIL_PROXY = "mail_proxy"  # a provider fetches pictures for its readers: mostly somebody opened the mail
    PRIVACY_RELAY = "privacy_relay"  # pictures of all mails are fetched, read or not
    SCANNER = "scanner"  # a program that looks for dangerous links
    OWN_OFFICE = "own_office"  # somebody at the clinic


class Tracked(StrEnum):
    """What a mail tells us when it is read."""

    PERSON = "person"  # that this reader opened it, and which links were followed
    EDITION = "edition"  # that somebody among the past patients of the edition opened it
    NOTHING = "nothing"  # nothing at all
