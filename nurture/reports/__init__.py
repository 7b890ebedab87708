"""What happened and why: the log, the accounts, `why`, the status. They read; nothing here writes."""
