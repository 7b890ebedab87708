"""Backups of a whole clinic in one file: made, encrypted, verified, put back. docs/operations.md has their form."""
