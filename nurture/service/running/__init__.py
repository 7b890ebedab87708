"""``nurture run``: the loop, its jobs, the processes beside it, and the system that starts it."""
