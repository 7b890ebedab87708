"""The people: importing them, choosing them by rules, what they allowed."""
