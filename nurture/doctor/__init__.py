"""What stands between a mail and its reader, looked at and judged: DNS, the mail server, this machine.

Looking is the edge: `resolving` and `zone_file` ask the DNS, `looking_up` follows what
the records name, `probing` opens a session with the mail server. Everything else judges,
and is pure: what was seen comes in, a `checks.Check` goes out. Words of strangers are cut
and cleaned where they enter a check.
"""
