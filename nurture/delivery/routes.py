"""Which mail server a sender's mails go to, and how safely."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from nurture.delivery.oauth.access import Grant
from nurture.errors import SenderError
from nurture.vocabulary import Mode
from nurture.workspace.fields import TlsMode
from nurture.workspace.presets import presets
from nurture.workspace.secrets import SecretReference
from nurture.workspace.settings import Pipelining, Sender


@dataclass(frozen=True, slots=True)
class Route:
    """A mail server and how to reach it. Holds no secret, only where they are."""

    host: str
    port: int
    tls: TlsMode
    username: str | None = None
    password: SecretReference | None = None
    grant: Grant | None = None  # in the place of a password
    ca_file: Path | None = None
    connections: int = 1
    pipelining: Pipelining = Pipelining.AUTO
    messages_per_connection: int | None = None  # then it is closed and made anew
    root: Path = Path()  # of the workspace; the password's file path starts here

    @property
    def server(self) -> str:
        """``host:port``, for the log."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def read_password(self) -> str:
        """The password, read now and never kept; raises `SecretError`."""
        return self.password.read(self.root) if self.password else ""

    def tls_context(self) -> ssl.SSLContext:
        """Verifies certificate and host name, TLS 1.2 or newer (RFC 9325 3.1.1).

        With ``ca_file``, only that authority is trusted. Raises `SenderError`
        if the file cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        except (OSError, ssl.SSLError) as error:
            raise SenderError(f"the file of the authority {self.ca_file} cannot be used: {error}") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context


def is_loopback(host: str) -> bool:
    """Whether ``host`` can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def route_for(name: str, sender: Sender | None, *, mode: Mode, sandbox: tuple[str, int] | None, root: Path) -> Route:
    """The route of the sender ``name``; ``sender`` is None if nurture.yaml has no such key.

    In sandbox mode every mail goes to ``sandbox`` (host, port), never to the
    sender's account. Raises `SenderError` where there is nowhere safe to go.
    """
    if mode is Mode.SANDBOX:
        if sandbox is None:
            raise SenderError("the sandbox is not running; start `nurture run` or `nurture sandbox`")
        if not is_loopback(sandbox[0]):
            raise SenderError(f"the sandbox must be on this machine, not on {sandbox[0]}")
        return Route(*sandbox, tls=TlsMode.NONE, connections=sender.connections if sender else 1, root=root)
    if sender is None:
        raise SenderError(f"nurture.yaml has no sender `{name}` any more; put it back under `senders`")
    smtp = sender.smtp
    if smtp is None:
        # a preset gives the host, where it can
        host = "" if sender.preset and not presets()[sender.preset].host_wanted else "host: smtp.provider.example, "
        raise SenderError(
            f"the sender `{name}` has no mail account; give it one, senders.{name}.smtp in nurture.yaml: "
            f"`smtp: {{{host}username: you@clinic.example, password: env:SMTP_PASSWORD}}`"
        )
    if smtp.tls is TlsMode.NONE and not is_loopback(smtp.host):
        raise SenderError(
            f"senders.{name}.smtp.tls is `none`, but {smtp.host} is another machine; "
            "use `starttls` (port 587) or `implicit` (port 465)"
        )
    if smtp.username and smtp.password is None and smtp.oauth is None:
        raise SenderError(f"senders.{name}.smtp has a username but no password; write `password: env:NAME` or `oauth`")
    return Route(
        host=smtp.host,
        port=smtp.port,
        tls=smtp.tls,
        username=smtp.username,
        password=smtp.password,
        grant=Grant.of(name, smtp.oauth, root=root) if smtp.oauth else None,
        ca_file=root / smtp.ca_file if smtp.ca_file else None,
        connections=sender.connections,
        pipelining=smtp.pipelining,
        messages_per_connection=sender.limits.messages_per_connection,
        root=root,
    )
