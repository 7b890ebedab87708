"""What readers open: the way out of our mails, their choices, a mail as a page; pixels and links."""
