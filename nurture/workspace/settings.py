"""``nurture.yaml`` as the program sees it.

The descriptions here are the configuration reference: ``docs/configuration.md``
and the JSON Schemas are generated from them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from nurture.vocabulary import Category, ConsentKind
from nurture.workspace.brakes import Alerts, Brakes
from nurture.workspace.feedback import Bounces
from nurture.workspace.fields import (
    Colour,
    Country,
    Domain,
    Duration,
    Hours,
    Line,
    Lines,
    MailAddress,
    Model,
    Period,
    Secret,
    Selector,
    Slug,
    TlsMode,
    Zone,
)
from nurture.workspace.hours import parse_opening_hours
from nurture.workspace.mailbox import OptionalMailbox
from nurture.workspace.notices import Approve, Notices
from nurture.workspace.oauth import OAuth, given_by_preset
from nurture.workspace.presets import PresetName, filled
from nurture.workspace.public_url import PublicUrl
from nurture.workspace.replies import Replies
from nurture.workspace.secrets import SecretReference, references_in
from nurture.workspace.tracking import Privacy


def _as_list(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _one_or_list(schema: dict[str, Any]) -> None:
    """Editors shall take a single mapping, too."""
    several = {key: schema.pop(key) for key in ("type", "items", "maxItems") if key in schema}
    schema["anyOf"] = [several["items"], several]


class PostalAddress(Model):
    """Where the clinic is; stands in every mail (16 CFR 316, CASL)."""

    street: Line = Field(description="Street and number.")
    city: Line = Field(description="City.")
    region: Line | None = Field(None, description="State or province.")
    postal_code: Line = Field(description='Postal code, quoted: "02134".')
    country: Country = Field("US", description="Country, two letters (ISO 3166-1).")

    @property
    def line(self) -> str:
        """The address on one line."""
        place = ", ".join(filter(None, (self.city, self.region)))
        return f"{self.street}, {place} {self.postal_code}"


class Clinic(Model):
    """Who writes."""

    name: Line = Field(description="The clinic's name as partners know it.")
    phone: Line = Field(description="The number that stands in every mail.")
    address: PostalAddress = Field(description="The postal address that stands in every mail.")
    site: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] = Field(description="The clinic's web site.")
    time_zone: Zone = Field(description="IANA time zone; all schedules are in it.")
    hours: Hours = Field(
        default_factory=lambda: parse_opening_hours({"mon-fri": "08:00-18:00"}),
        description="Working hours by days: `mon-fri: 08:00-18:00`.",
    )
    holidays: tuple[date, ...] = Field((), description="Dates on which nothing is sent.")


class Brand(Model):
    """How mails look. Contrasts below 4.5 : 1 are reported by `nurture check`."""

    logo: str | None = Field(None, description="Image file in the workspace, shown at the top (PNG, JPEG or GIF).")
    primary: Colour = Field("#0b5c6b", description="Headings, buttons, links.")
    accent: Colour = Field("#b3541e", description="Small highlights.")
    text: Colour = Field("#22313a", description="Body text.")
    background: Colour = Field("#f3f5f4", description="Behind the mail.")
    tagline: Line | None = Field(None, description="One line under the clinic's name.")


class Person(Model):
    """Somebody at the clinic; organizations have one as their owner."""

    name: Line = Field(description="Full name with title.")
    role: Line | None = Field(None, description="What the person does.")
    address: MailAddress | None = Field(None, description="Mail address for notices.")
    phone: Line | None = Field(None, description="Direct line.")
    signature: Lines | None = Field(None, description="What stands under the name in mails with `from_owner`; lines.")
    photo: str | None = Field(None, description="Image file in the workspace, for mails with `from_owner`.")


class Pipelining(StrEnum):
    """How much goes out before answers are read, where the server offers PIPELINING (RFC 2920)."""

    AUTO = "auto"  # the body of one mail and the envelope of the next in one write
    ENVELOPE = "envelope"  # the three commands of an envelope in one write
    OFF = "off"  # one command at a time


class OnUncertain(StrEnum):
    """What becomes of a mail that may or may not have arrived."""

    HOLD = "hold"  # nothing, until somebody decides: `nurture uncertain`
    RESEND = "resend"  # it goes again, once; the reader may get two copies with one Message-ID


class Smtp(Model):
    """The mail server that takes the clinic's mail. A preset gives host, port and TLS."""

    model_config = ConfigDict(json_schema_extra=given_by_preset("host"))

    host: Line = Field(description="Host name; the certificate must match it. Needed unless the preset gives it.")
    port: int = Field(587, ge=1, le=65535, description="587 with STARTTLS, 465 with implicit TLS.")
    tls: TlsMode = Field(
        TlsMode.STARTTLS, description="`starttls` and `implicit` are verified; `none` only on this machine."
    )
    username: Line | None = Field(None, description="Account name, where the server wants one.")
    password: Secret | None = Field(None, description="`env:NAME` or `file:PATH`; never the password itself.")
    oauth: OAuth | None = Field(None, description="Instead of a password: `nurture login SENDER` obtains a permission.")
    ca_file: str | None = Field(
        None, description="PEM file of the authority that signed the server's certificate, if it is your own."
    )
    pipelining: Pipelining = Field(
        Pipelining.AUTO, description="`off` for a server that says it can take commands ahead, and cannot."
    )


class Dkim(Model):
    """A key that signs this sender's mails (RFC 6376)."""

    domain: Domain | None = Field(
        None, description="The domain that signs, if not the one of the From address; it must belong to it (DMARC)."
    )
    selector: Selector = Field(description="The key's name in the DNS: `SELECTOR._domainkey.DOMAIN`.")
    key: Secret = Field(description="Private key, RSA of 2048 bits or more, or Ed25519: `file:PATH` or `env:NAME`.")


class WarmUp(Model):
    """The first days of a new sender: few mails, more each day, so that providers come to know it."""

    start: date = Field(alias="from", description="The first day.")
    first_day: int = Field(50, ge=1, le=1_000_000, description="Mails on the first day; before it none leave.")
    growth: float = Field(1.5, ge=1, le=10, description="Each day's mails by the day before: 1.5 is half as many more.")


class SenderLimits(Model):
    """What a sender may send; its mail account allows no more, or its name is new. Workers share these limits."""

    per_minute: int | None = Field(None, ge=1, le=100_000, description="Mails in a minute.")
    per_day: int | None = Field(None, ge=1, le=10_000_000, description="Mails in a day, from midnight at the clinic.")
    warm_up: WarmUp | None = Field(None, description="Starts with few mails a day and grows, up to `per_day`.")
    messages_per_connection: int | None = Field(
        None, ge=1, le=100_000, description="A connection is closed and made anew after so many mails."
    )


class Provider(Model):
    """Mailboxes of one company, which counts our mails together."""

    domains: tuple[Domain, ...] = Field(
        (),
        description="The domains after the @. Not needed for `google`, `microsoft`, `yahoo` and `apple`. "
        "Any domain that stands nowhere is a provider of its own.",
    )
    connections: int | None = Field(
        None, ge=1, le=50, description="So many of a sender's connections carry its mails at once."
    )
    per_minute: int | None = Field(None, ge=1, le=100_000, description="Mails to it in a minute, for each sender.")


class Sender(Model):
    """A From identity with its mail account."""

    name: Line = Field(description="Display name that readers see.")
    address: MailAddress = Field(description="From address.")
    reply_to: MailAddress | None = Field(
        None, description="Where answers go, if not to the From address; somebody must read it."
    )
    preset: PresetName | None = Field(
        None,
        description="Whose mail account it is: gives `smtp`, `limits` and `connections` the values that stand in "
        "[senders](senders.md#presets). What is written here wins.",
    )
    smtp: Smtp | None = Field(None, description="The account; not needed in the sandbox.")
    connections: int = Field(
        2,
        ge=1,
        le=50,
        description="Connections kept open at once; while some wait for a slow provider, up to as many more.",
    )
    limits: SenderLimits = Field(default_factory=lambda: SenderLimits(), description="How much it may send.")
    on_uncertain: OnUncertain = Field(
        OnUncertain.HOLD,
        description="What becomes of a mail whose server took it and gave no answer: `hold` asks you "
        "(`nurture uncertain`), `resend` sends it once more after 10 minutes; some readers then get two copies.",
    )
    verp: bool = Field(
        False, description="Bounces go to a plus-address that names the mail, once `nurture loop-test` saw one arrive."
    )
    signer: Slug | None = Field(None, description="The person under `staff` who signs.")
    dkim: Annotated[tuple[Dkim, ...], BeforeValidator(_as_list)] = Field(
        (),
        max_length=2,
        description="Signs the mails, if the mail server does not: one key, or a list of an RSA and an Ed25519 key. "
        "`nurture dkim new` makes them.",
        json_schema_extra=_one_or_list,
    )

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, written: object) -> object:
        return filled(written)


class Limits(Model):
    """Brakes that protect readers."""

    contact_gap: Duration = Field(
        timedelta(days=3), description="At most one newsletter or broadcast per contact in this time."
    )
    gives_before_ask: int = Field(
        1, ge=0, le=20, description="How many `give` mails an organization gets before the next `ask`."
    )
    news_reaches_back: Duration = Field(
        timedelta(days=60), description="How old news may be for a contact who has seen none."
    )


class Window(Model):
    """When mail may leave, in the reader's time zone; never from 21:00 to 07:00."""

    hours: Hours = Field(
        default_factory=lambda: parse_opening_hours({"mon-fri": "08:00-18:00"}),
        description="Days and times: `mon-fri: 08:00-18:00`.",
    )


class Feed(Model):
    """An RSS or Atom feed whose entries become news items."""

    url: str | None = Field(None, description="http(s) address of the feed.", pattern=r"^https?://[^\s]+$")
    file: str | None = Field(None, description="A feed file in the workspace, instead of `url`.")
    audience: tuple[Slug, ...] = Field((), description="Audiences that every entry is for.")
    tags: tuple[Slug, ...] = Field((), description="Tags that every entry gets.")


class Web(Model):
    """Where `nurture run` serves the pages that readers open; a reverse proxy leads `public_url` there."""

    host: Line = Field("127.0.0.1", description="Address of this machine to listen on.")
    port: int = Field(8058, ge=1, le=65535, description="Port to listen on.")

    @property
    def local_url(self) -> str:
        """The pages' address for a browser on this machine."""
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host  # noqa: S104 - compared, not listened on
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Imports(Model):
    """What imports may bring in."""

    allow_columns: tuple[Line, ...] = Field(
        (),
        description="Sensitive columns (diagnosis, birth date, record number) that imports of past patients may store.",
    )


ConsentRequired = dict[Category | Literal["other"], tuple[ConsentKind, ...]]
# What holds where nurture.yaml names no rule, also where it names one for the other kind only.
DEFAULT_CONSENTS: ConsentRequired = {
    Category.PAST_PATIENT: (ConsentKind.WRITTEN,),
    "other": (ConsentKind.WRITTEN, ConsentKind.VERBAL, ConsentKind.IMPLIED),
}


class Settings(Model):
    """The clinic's settings, `nurture.yaml`."""

    clinic: Clinic = Field(description="Who writes.")
    brand: Brand = Field(default_factory=Brand, description="How mails look.")
    staff: dict[Slug, Person] = Field(default_factory=dict, description="People at the clinic, by a short key.")
    senders: Annotated[dict[Slug, Sender], Field(min_length=1)] = Field(
        description="From identities; the first is the default."
    )
    public_url: PublicUrl | None = Field(
        None,
        description="The address at which readers reach the pages of `nurture run`, through your web server. With it "
        "mails carry a one-click way out; without it a `mailto:` and the words `reply STOP`.",
    )
    web: Web = Field(default_factory=Web, description="Where the pages are served; only with `public_url`.")
    providers: dict[Slug, Provider] = Field(
        default_factory=dict, description="Limits for mailbox providers, by a short name."
    )
    window: Window = Field(default_factory=lambda: Window(), description="When mail may leave.")
    late: Duration = Field(timedelta(days=3), description="How long after its time an edition may still leave.")
    limits: Limits = Field(default_factory=lambda: Limits(), description="Brakes that protect readers.")
    bounces: Bounces = Field(default_factory=lambda: Bounces(), description="What bounces do to an address.")
    brakes: Brakes = Field(default_factory=lambda: Brakes(), description="What stops an edition that goes wrong.")
    consent_required: ConsentRequired = Field(
        default_factory=DEFAULT_CONSENTS.copy,
        description="Which consents allow mail, by category; `other` is everybody else. An empty list asks for none.",
    )
    mailbox: OptionalMailbox = Field(
        None,
        description="The mailbox in which answers and bounces arrive; it is read, never changed. `none` where a person "
        "looks after it alone: then say who, with `replies_read_by`.",
    )
    replies_read_by: Slug | None = Field(
        None, description="The person under `staff` who reads the answers; only with `mailbox: none`."
    )
    consent_ends: dict[Country, dict[ConsentKind, Period]] = Field(
        default_factory=dict,
        description="How long after its date a consent holds, by the country where the person or the clinic is: "
        "`CA: {verbal: 1 year}`. In Canada implied ones end after 2 years, inquiries after 6 months (CASL), "
        "and can only be made to end sooner.",
    )
    feeds: dict[Slug, Feed] = Field(default_factory=dict, description="Industry news, by a short name.")
    imports: Imports = Field(default_factory=lambda: Imports(), description="What imports may bring in.")
    replies: Replies = Field(default_factory=lambda: Replies(), description="How soon answers are answered.")
    privacy: Privacy = Field(
        default_factory=lambda: Privacy(), description="What may be noted of readers, and how long it is kept."
    )
    test_recipients: tuple[MailAddress, ...] = Field(
        (), max_length=10, description="Who may get test mails, `nurture send CAMPAIGN --test`: your own people."
    )
    approve: Approve = Field(
        Approve.FIRST,
        description="Which live editions wait for `nurture approve`: a campaign's `first`, `always` each, or `never` "
        "one.",
    )
    notices: Notices = Field(
        default_factory=lambda: Notices(), description="The mail to the owner before each live edition."
    )
    alerts: Alerts = Field(default_factory=lambda: Alerts(), description="Who is told that something needs a person.")
    alert_command: tuple[Line, ...] = Field(
        (),
        description="A program that `nurture run` starts for each alert, with the alert as JSON on its standard input: "
        "`[/usr/local/bin/ring, --loud]`. No shell; it has 30 seconds.",
    )
    database: Annotated[str, Field(pattern=r"^(sqlite|postgresql\+psycopg):|^(env|file):")] = Field(
        "sqlite:///data/nurture.db",
        description="Database address, or `env:NAME` / `file:PATH` that holds it. "
        "Relative SQLite paths start at the workspace.",
    )

    @property
    def default_sender(self) -> str:
        """The key of the first sender."""
        return next(iter(self.senders))

    @property
    def secrets(self) -> tuple[SecretReference, ...]:
        """Where all secrets are that stand here by reference, the database's address among them."""
        address = (SecretReference.parse(self.database),) if self.database.startswith(("env:", "file:")) else ()
        return (*references_in(self), *address)

    @property
    def notified(self) -> tuple[str, ...]:
        """The addresses that get notices of editions: there is always one."""
        sender = self.senders[self.default_sender]
        return self.notices.to or self.test_recipients or (sender.reply_to or sender.address,)

    @property
    def zone(self) -> ZoneInfo:
        """The clinic's time zone."""
        return ZoneInfo(self.clinic.time_zone)

    def today(self, now: datetime) -> date:
        """The clinic's date at an aware instant."""
        return now.astimezone(self.zone).date()
