"""The sandbox: a loopback mail server, its Maildir, and the inbox page."""
