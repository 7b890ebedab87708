"""News: Markdown items and feed entries, and who has seen what."""
