"""From templates and values to the bytes of a mail.

Templates are compiled before any data is seen, so no contact and no feed ever
reaches the MJML parser or is parsed as a template.
"""
