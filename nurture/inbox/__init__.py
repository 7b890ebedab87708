"""What comes back. The judges are pure: a mail's octets in, a judgement out; nothing is read, kept or answered here."""
