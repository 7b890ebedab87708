"""Pages that readers open: the way out of our mails."""
