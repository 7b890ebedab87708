"""Use cases: what a command or a job does where it needs more than one layer below.

``loop`` is `nurture run`: APScheduler wakes the named `jobs`, each calls one use case. ``house`` opens the clinic.
"""
