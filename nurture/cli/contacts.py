"""``nurture contacts``: people and organizations."""

from __future__ import annotations

import typer

from nurture.cli import contact_import

app = typer.Typer(no_args_is_help=True, help="Contacts: import, look, change, export, erase, suppress.")
app.command("import", epilog=contact_import.EXAMPLES)(contact_import.import_contacts)
