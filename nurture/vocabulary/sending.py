"""Words for what is sent: campaigns, editions, deliveries, attempts."""

from enum import StrEnum


class CampaignKind(StrEnum):
    """How a campaign repeats."""

    BROADCAST = "broadcast"  # once
    NEWSLETTER = "newsletter"  # again and again


class Intent(StrEnum):
    """What a message wants from its reader."""

    GIVE = "give"  # useful without any return
    ASK = "ask"  # wants a referral, a booking, a meeting


class Purpose(StrEnum):
    """Why past patients are written to (45 CFR 164.501, 164.508)."""

    OWN_SERVICE = "own_service"  # the clinic's own health-related service
    TREATMENT = "treatment"  # treatment or care coordination
    GENERAL_HEALTH = "general_health"  # general health information
    THIRD_PARTY = "third_party"  # somebody else's product; needs an authorization


class Mode(StrEnum):
    """Where mail goes; part of every question about history."""

    SANDBOX = "sandbox"  # the built-in server takes all mail
    LIVE = "live"  # mail leaves through the senders


class EditionState(StrEnum):
    """Where one edition stands."""

    PLANNING = "planning"  # rows are being written; nothing may be claimed
    READY = "ready"  # planned completely; deliveries may be claimed
    FINISHED = "finished"  # no delivery waits any more
    SKIPPED = "skipped"  # nothing to send: see its reason
    MISSED = "missed"  # its time went by while nobody was awake
    CANCELED = "canceled"  # stopped by hand


class EditionReason(StrEnum):
    """Why an edition was skipped, missed or canceled."""

    NO_NEWS = "no_news"  # nobody had unseen news and skip_if_empty is set
    EMPTY_SEGMENT = "empty_segment"  # nobody matched
    TOO_LATE = "too_late"  # the grace (late) was over
    PAUSED = "paused"  # its time went by while the campaign was paused
    EDITED = "edited"  # its file was changed or removed before it was planned completely
    BY_HAND = "by_hand"  # nurture cancel


# `edition.held_because` of one that nobody let go yet; other holds have words of their own.
WAITS_FOR_APPROVAL = "waits for approval"
NO_MAIL_COMES = "no mail comes into the mailbox in which answers arrive"
MAILBOX_UNREADABLE = "the mailbox in which answers arrive cannot be read"
# These end when mail comes in again; every other hold ends by a person's word.
HOLDS_THAT_END = frozenset({NO_MAIL_COMES, MAILBOX_UNREADABLE})


class DeliveryState(StrEnum):
    """The one state of a delivery. Transitions: ``TRANSITIONS``."""

    QUEUED = "queued"  # waits for its time and a worker
    HELD = "held"  # stopped until somebody lets it go on
    SENDING = "sending"  # claimed by a worker
    SENT = "sent"  # the server answered 2xx
    FAILED = "failed"  # refused for good, or tries are used up
    SKIPPED = "skipped"  # must not be sent: see its reason
    CANCELED = "canceled"  # stopped by hand, or the contact is gone
    EXPIRED = "expired"  # its time window went by
    UNCERTAIN = "uncertain"  # the body went out, no answer came back


FINAL_STATES = frozenset(
    {
        DeliveryState.SENT,
        DeliveryState.FAILED,
        DeliveryState.SKIPPED,
        DeliveryState.CANCELED,
        DeliveryState.EXPIRED,
        DeliveryState.UNCERTAIN,
    }
)
WAITING_STATES = frozenset({DeliveryState.QUEUED, DeliveryState.HELD, DeliveryState.SENDING})

# Who may become what. The store refuses every pair that is not here; a test
# walks all pairs. What happens after `sent` are events, not states. A yes that
# comes late wins over every other end: a try may have been given up, and the
# delivery queued again or settled by hand, before its answer could be written.
TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.QUEUED: frozenset(
        {
            DeliveryState.SENDING,
            DeliveryState.SKIPPED,
            DeliveryState.CANCELED,
            DeliveryState.EXPIRED,
            DeliveryState.HELD,
            DeliveryState.SENT,  # a late yes
        }
    ),
    DeliveryState.HELD: frozenset(
        {DeliveryState.QUEUED, DeliveryState.CANCELED, DeliveryState.EXPIRED, DeliveryState.SENT}  # sent: a late yes
    ),
    DeliveryState.SENDING: frozenset(
        {
            DeliveryState.SENT,
            DeliveryState.FAILED,
            DeliveryState.UNCERTAIN,
            DeliveryState.QUEUED,  # a temporary refusal, or a dead worker's unmarked row
            DeliveryState.SKIPPED,  # suppressed at the mark, or a render error
            DeliveryState.CANCELED,  # the contact is gone
        }
    ),
    DeliveryState.UNCERTAIN: frozenset({DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.QUEUED}),
    DeliveryState.FAILED: frozenset({DeliveryState.QUEUED, DeliveryState.SENT}),  # retry --failed; a late yes
    DeliveryState.SENT: frozenset(),
    DeliveryState.SKIPPED: frozenset({DeliveryState.SENT}),  # a late yes
    DeliveryState.CANCELED: frozenset({DeliveryState.SENT}),  # a late yes
    DeliveryState.EXPIRED: frozenset({DeliveryState.SENT}),  # a late yes
}


class SkipReason(StrEnum):
    """Why a person who was meant got no mail."""

    NO_CONSENT = "no_consent"  # consent_required is not met
    NO_PURPOSE = "no_purpose"  # a past patient among partners, and the campaign does not say why it writes to patients
    NO_AUTHORIZATION = "no_authorization"  # a past patient, and the mail sells or is paid by somebody else
    SUPPRESSED = "suppressed"  # the address, domain or organization is suppressed
    NO_NEWS = "no_news"  # nothing unseen for this contact
    AWAY = "away"  # an automatic answer said so, and the edition's time is over before the return
    FREQUENCY_CAP = "frequency_cap"  # another newsletter or broadcast was too near
    HOUSEHOLD = "household"  # the same address gets this edition already
    RENDER_ERROR = "render_error"  # the template failed for this contact
    GIVE_FIRST = "give_first"  # too few gives since the last ask
    ARCHIVED = "archived"  # the contact was archived after planning
    PAUSED = "paused"  # the reader wants no mail before a day


class AttemptPhase(StrEnum):
    """How far one try got (RFC 5321 3.3)."""

    CONNECT = "connect"  # dialing, TLS, EHLO, AUTH
    MAIL = "mail"  # MAIL FROM
    RCPT = "rcpt"  # RCPT TO
    DATA = "data"  # DATA, waiting for 354
    BODY = "body"  # the body went out; only an answer settles it


class AttemptOutcome(StrEnum):
    """How one try ended."""

    SENT = "sent"  # 2xx after the dot
    RETRY = "retry"  # refused for now, or the connection failed before the body
    FAILED = "failed"  # refused for good: this message or this address
    STOPPED = "stopped"  # the sender itself was refused; nobody's address is to blame
    REFUSED_AT_MARK = "refused_at_mark"  # our last gate said no; nothing left
    ABANDONED = "abandoned"  # the worker died or was stopped before the body
    UNCERTAIN = "uncertain"  # the body went out, no answer came
    ARRIVED = "arrived"  # no answer came, but somebody found out that the mail arrived


class Verdict(StrEnum):
    """What one answer of a server means; ``delivery/replies.py`` decides."""

    SENT = "sent"  # accepted
    RETRY = "retry"  # try again later
    FAIL_MESSAGE = "fail_message"  # this message is refused for good
    FAIL_ADDRESS = "fail_address"  # this address is dead
    STOP_SENDER = "stop_sender"  # the server refuses us: hold, alert, blame nobody
