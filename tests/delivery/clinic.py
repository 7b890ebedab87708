"""A small clinic on disk: one sender, one newsletter, one template."""

from pathlib import Path

from nurture.composing.edition import prepare_edition
from nurture.workspace.workspace import Workspace, load_workspace

SETTINGS = """\
clinic:
  name: Riverbend Physical Therapy
  phone: (503) 555-0140
  site: https://riverbend.example
  time_zone: America/New_York
  address: {street: 214 Front Street, city: Salem, region: OR, postal_code: "97301"}
senders:
  clinic:
    name: Riverbend
    address: hello@riverbend.example
    connections: CONNECTIONS
    limits: LIMITS
    on_uncertain: RULE
    smtp: SMTP
providers: PROVIDERS
"""
CAMPAIGN = """\
kind: newsletter
schedule: first tuesday at 09:30
topic: partner-news
to: {category: private_business}
subject: "News for {{ contact.first_name }}"
template: plain
intent: give
"""
TEMPLATE = """\
<mjml>
  <mj-body>
    <mj-section><mj-column>
      <mj-text>Hello {{ contact.greeting }}, this is for {{ contact.address }}.</mj-text>
      <mj-text>
        {{ clinic.name }}, {{ clinic.address.line }}, {{ clinic.phone }}.
        No more mail? <a href="{{ links.unsubscribe }}">Unsubscribe</a> or reply STOP.
      </mj-text>
    </mj-column></mj-section>
  </mj-body>
</mjml>
"""


def make_clinic(
    root: Path,
    smtp: dict[str, object] | None = None,
    *,
    connections: int = 1,
    limits: str = "{}",
    providers: str = "{}",
    on_uncertain: str = "hold",
) -> Workspace:
    """Write the folder (anew) and load it; ``smtp`` is the sender's account, ``limits`` and ``providers`` are YAML."""
    (root / "campaigns").mkdir(parents=True, exist_ok=True)
    (root / "templates/emails").mkdir(parents=True, exist_ok=True)
    account = "null" if smtp is None else "{" + ", ".join(f"{key}: {value}" for key, value in smtp.items()) + "}"
    settings = SETTINGS.replace("SMTP", account).replace("CONNECTIONS", str(connections))
    settings = settings.replace("LIMITS", limits).replace("PROVIDERS", providers).replace("RULE", on_uncertain)
    (root / "nurture.yaml").write_text(settings)
    (root / "campaigns/partner-news.yaml").write_text(CAMPAIGN)
    (root / "templates/emails/plain.mjml").write_text(TEMPLATE)
    return load_workspace(root)


def edition_content(workspace: Workspace) -> dict:
    """What an edition of the newsletter keeps."""
    return prepare_edition(workspace, "partner-news", news=(), occurrence="2026-12-01T09:30").to_json()
