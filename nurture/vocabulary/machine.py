"""Words for the program itself: its looks, events, workers, alerts."""

from enum import StrEnum


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
    AUTO_REPLIED = "auto_replied"  # a machine answered: away, left, moved, a receipt
    UNSUBSCRIBED = "unsubscribed"  # the person left
    RETURNED = "returned"  # the person wants mails again
    PREFERRED = "preferred"  # the person chose what to get, and how often
    IMPORTED = "imported"  # a contact came in or changed by an import
    SUPPRESSED = "suppressed"  # a suppression was set
    CONSENTED = "consented"  # a consent was recorded
    ERASED = "erased"  # a contact was erased


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
    NOTICE_UNSENT = "notice_unsent"  # the owner could not be shown an edition before it leaves
    CONFIRM_EDITION = "confirm_edition"  # an edited or renamed campaign needs a yes
    MAILBOX_SILENT = "mailbox_silent"  # answers would be lost: no mail comes in, or none can be read; editions hold
    REPLIES_UNTOLD = "replies_untold"  # somebody waits too long for an answer, and nobody can be told by mail
    BOUNCES_DOUBTED = "bounces_doubted"  # many addresses bounced at once; nobody was suppressed
    MAIL_UNFOLLOWED = "mail_unfollowed"  # a mail came in, and what follows from it could not be done
    MAIL_REFUSED = "mail_refused"  # bounces that blame us, not the reader
    LEAVE_UNPROVEN = "leave_unproven"  # somebody asks to leave, and nothing proves that it is the person
    COMPLAINTS = "complaints"  # too many readers complained; the campaign is paused
    FEED_FAILED = "feed_failed"  # a feed cannot be read
    PAGES_UNREACHED = "pages_unreached"  # public_url does not lead to the readers' pages
    COPY_UNNOTICED = "copy_unnoticed"  # the file outside the folder that tells a restored copy cannot be kept
