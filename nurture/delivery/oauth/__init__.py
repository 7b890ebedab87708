"""Logging in without a password: access tokens for SMTP (RFC 6749), made from what `nurture login` obtained."""
