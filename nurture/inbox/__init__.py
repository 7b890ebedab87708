"""What comes back: read, judged, matched, followed. Nothing is answered, and no mail in the mailbox is changed.

The judges (`judging`) are pure: a mail's octets in, a judgement out. ``imap_*`` and `maildir` read, behind `raw_mail`;
`matching`, `applying` and `consequences` meet the store.
"""
