"""Logging in without a password: access tokens for SMTP and IMAP (RFC 6749), out of what `nurture login` got."""
