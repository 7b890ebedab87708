"""What the clinic wrote: settings, campaigns, segments, imports; loaded and checked with file:line:column."""
