"""The words of the house: one enum per concept, one comment per member.

The same words stand in code, configuration, database, documentation and on
screens. ``docs/glossary.md`` explains every member (a test checks that).
"""

from enum import StrEnum


class Category(StrEnum):
    """What a contact is to the clinic; a contact has a set of them."""

    HEALTHCARE_PROVIDER = "healthcare_provider"  # physicians, surgeons, nurse practitioners
    COMMUNITY_AGENCY = "community_agency"  # senior centers, councils, charities
    PRIVATE_BUSINESS = "private_business"  # gyms, studios, employers
    SPORTS_CLUB = "sports_club"  # clubs, teams, leagues
    SCHOOL = "school"  # schools, colleges, universities
    PAST_PATIENT = "past_patient"  # strict rules: consent, no single tracking


class ConsentKind(StrEnum):
    """How a person allowed the clinic to write; strongest first."""

    WRITTEN = "written"  # a signed form or a confirmed sign-up
    VERBAL = "verbal"  # said so, noted by the staff
    IMPLIED = "implied"  # a business relation, e.g. an exchanged card


# Consents as bits, so that one integer with a delivery says which of them allow it.
CONSENT_BITS: dict[ConsentKind, int] = {ConsentKind.WRITTEN: 1, ConsentKind.VERBAL: 2, ConsentKind.IMPLIED: 4}


class SuppressionScope(StrEnum):
    """What a suppression covers."""

    ADDRESS = "address"  # one mail address, whoever has it
    DOMAIN = "domain"  # every address at one domain
    ORGANIZATION = "organization"  # every contact of one organization
    TOPIC = "topic"  # one mail address, for the campaigns of one topic


class SuppressionReason(StrEnum):
    """Why an address, domain or organization must not be mailed."""

    UNSUBSCRIBED = "unsubscribed"  # the person left
    COMPLAINED = "complained"  # the person pressed "spam"
    HARD_BOUNCED = "hard_bounced"  # the address does not exist
    SOFT_BOUNCED = "soft_bounced"  # the address failed too often
    MANUAL = "manual"  # the staff decided
    ERASED = "erased"  # the contact was erased; only a keyed hash is kept


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
    SUPPRESSED = "suppressed"  # the address, domain or organization is suppressed
    NO_NEWS = "no_news"  # nothing unseen for this contact
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


class Health(StrEnum):
    """What `nurture doctor` says of one thing."""

    OK = "ok"  # as it should be
    WARN = "warn"  # works, but worth mending
    FAIL = "fail"  # mail would be refused, lost or seen by others: mend it before going live
    UNKNOWN = "unknown"  # could not be looked at; says why


class EventKind(StrEnum):
    """What happened to a delivery, contact or edition; one row each."""

    PLANNED = "planned"  # an edition was planned completely; one event for all its deliveries
    SENT = "sent"  # the server took it
    FAILED = "failed"  # refused for good
    RETRIED = "retried"  # refused for now, a next try is set
    UNCERTAIN = "uncertain"  # no answer after the body
    SKIPPED = "skipped"  # must not be sent
    CANCELED = "canceled"  # stopped by hand
    EXPIRED = "expired"  # its window went by
    HELD = "held"  # stopped for now
    RESUMED = "resumed"  # goes on
    REQUEUED = "requeued"  # back to the queue: by hand, by a rule, or after a dead worker
    LEFT_UNCERTAIN = "left_uncertain"  # somebody decided to leave it uncertain
    BOUNCED = "bounced"  # a bounce came back
    OPENED = "opened"  # the open pixel was fetched
    CLICKED = "clicked"  # a link was followed
    REPLIED = "replied"  # a person answered
    COMPLAINED = "complained"  # a complaint came back
    UNSUBSCRIBED = "unsubscribed"  # the person left
    RETURNED = "returned"  # the person wants mails again
    PREFERRED = "preferred"  # the person chose what to get, and how often
    IMPORTED = "imported"  # a contact came in or changed by an import
    SUPPRESSED = "suppressed"  # a suppression was set
    CONSENTED = "consented"  # a consent was recorded
    ERASED = "erased"  # a contact was erased


class LinkPurpose(StrEnum):
    """What a signed link is for; a token for one purpose is worth nothing for another."""

    LEAVE = "leave"  # the way out of a mail
    PROBE = "probe"  # our own question whether the page can be reached
    VIEW = "view"  # the mail as a page for a browser
    PREFERENCES = "preferences"  # what somebody gets, and how often
    OPEN = "open"  # the pixel of one mail
    EDITION_OPEN = "edition_open"  # the pixel that all past patients of an edition share; names nobody
    CLICK = "click"  # the links of one mail


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


class WorkerRole(StrEnum):
    """What a process that delivers is."""

    LOOP = "loop"  # `nurture run`: plans and delivers
    MEMBER = "member"  # one of `nurture run --workers`: only delivers
    COMMAND = "command"  # delivers once and ends: `nurture send`, the demo


class NewsKind(StrEnum):
    """Where a news item comes from."""

    FILE = "file"  # a Markdown file in news/
    FEED = "feed"  # an entry of an RSS or Atom feed


class AlertKind(StrEnum):
    """What needs a person; shown until resolved."""

    BROKEN_FILES = "broken_files"  # the workspace has problems; the last good set is at work
    SENDER_STOPPED = "sender_stopped"  # a server refused the sender itself
    JOB_FAILED = "job_failed"  # a named job of the loop failed
    WORKER_DIED = "worker_died"  # one of `nurture run --workers` ended by itself; it is started again
    UNCERTAIN_DELIVERIES = "uncertain_deliveries"  # somebody must decide
    EDITION_HELD = "edition_held"  # nothing of it leaves before somebody looked: `nurture approve`
    EDITION_MISSED = "edition_missed"  # an edition's time went by
    CONFIRM_EDITION = "confirm_edition"  # an edited or renamed campaign needs a yes
    FEED_FAILED = "feed_failed"  # a feed cannot be read
    PAGES_UNREACHED = "pages_unreached"  # public_url does not lead to the readers' pages
    COPY_UNNOTICED = "copy_unnoticed"  # the file outside the folder that tells a restored copy cannot be kept
