"""One module per migration; the file name starts with its number."""
