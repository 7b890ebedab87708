"""``nurture run``: APScheduler wakes named jobs, each calls one use case."""
