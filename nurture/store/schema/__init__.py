"""The tables. Uniqueness lives here, so no code can plan or send twice.

All instants are UTC. Rows that keep history carry ``mode`` (sandbox or live);
every question about history looks at one mode only.
"""

from nurture.store.schema.campaigns import (
    campaign_control,
    campaign_version,
    edition,
    edition_content,
    edition_hold,
    edition_notice,
)
from nurture.store.schema.columns import UtcDateTime, metadata
from nurture.store.schema.deliveries import attempt, delivery, event
from nurture.store.schema.inbound import inbound, mailbox_folder
from nurture.store.schema.machine import alert, heartbeat, job_run, meta, pace, sender_state, worker
from nurture.store.schema.news import feed, feed_entry, news_list, news_list_item
from nurture.store.schema.people import (
    absence,
    address_change,
    consent,
    contact,
    contact_category,
    contact_tag,
    organization,
    proposal,
    suppression,
)
from nurture.store.schema.replies import reply, reply_answer

__all__ = [
    "UtcDateTime",
    "absence",
    "address_change",
    "alert",
    "attempt",
    "campaign_control",
    "campaign_version",
    "consent",
    "contact",
    "contact_category",
    "contact_tag",
    "delivery",
    "edition",
    "edition_content",
    "edition_hold",
    "edition_notice",
    "event",
    "feed",
    "feed_entry",
    "heartbeat",
    "inbound",
    "job_run",
    "mailbox_folder",
    "meta",
    "metadata",
    "news_list",
    "news_list_item",
    "organization",
    "pace",
    "proposal",
    "reply",
    "reply_answer",
    "sender_state",
    "suppression",
    "worker",
]
