"""A throwaway Postfix on loopback that delivers into Maildirs.

It has its own configuration, queue and log in one folder, so it stands beside
any other Postfix of this machine. It needs Debian's package `postfix`, and root
to start; it is stopped by its own process id.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.servers.certificates import Certificate
from tests.servers.ready import free_port, greets, wait_until

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = mx.postfix.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
smtpd_client_connection_rate_limit = 0
smtpd_reject_unlisted_recipient = {refuses}
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {mail}
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
virtual_minimum_uid = 1
virtual_transport = virtual
virtual_alias_maps = inline:{{{{moved@{first}=moved@elsewhere.example}}}}
default_transport = error:5.1.1 nobody of that name
alias_maps =
alias_database =
biff = no
recipient_delimiter = +
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
maillog_file = {folder}/data/mail.log
maillog_file_prefixes = {folder}
"""
SASL = """\
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {sasl}
smtpd_sasl_security_options = noanonymous
smtpd_tls_auth_only = yes
smtpd_relay_restrictions =
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
"""
MASTER = """\
127.0.0.1:{port} inet n - n - 20 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
tlsmgr unix - - n 1000? 1 tlsmgr
scache unix - - n - 1 scache
showq unix n - n - - showq
pickup unix n - n 60 1 pickup
postlog unix-dgram n - n - 1 postlogd
"""


def is_available() -> bool:
    """Whether this machine can start one."""
    return shutil.which("postfix", path="/usr/sbin:/usr/bin:/sbin:/bin") is not None and os.geteuid() == 0


class Postfix:
    """A running Postfix; ``port`` takes mail for the addresses it was given.

    It also takes mail for moved@ at the first of their domains, and sends that back later; unless ``refuses`` it does
    so with mail for unknown names. The Maildirs lie in ``mail``, which another server may read too; else in ``folder``.
    """

    def __init__(
        self,
        folder: Path,
        addresses: list[str],
        certificate: Certificate,
        *,
        refuses: bool = True,
        mail: Path | None = None,
        sasl: Path | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.maildirs = mail or folder / "mail"
        for name in ("etc", "queue", "data", "mail"):
            (folder / name).mkdir(parents=True)
        for path in (folder, folder / "etc", folder / "queue"):
            path.chmod(0o755)
        shutil.chown(folder / "data", "postfix")
        os.chown(folder / "mail", 65534, 65534)
        domains = sorted({address.rpartition("@")[2] for address in addresses})
        main = MAIN.format(
            folder=folder,
            mail=self.maildirs,
            refuses="yes" if refuses else "no",
            domains=", ".join(domains),
            first=domains[0],
            certificate=certificate.certificate,
            key=certificate.key,
        )
        (folder / "etc/main.cf").write_text(main + (SASL.format(sasl=sasl) if sasl else ""))
        (folder / "etc/master.cf").write_text(MASTER.format(port=self.port))
        (folder / "etc/mailboxes").write_text("".join(f"{address} {address}/\n" for address in addresses))

    def __enter__(self) -> Self:
        self._postfix("start")
        wait_until(lambda: greets(self.port, b"220"), "Postfix does not answer")
        return self

    def __exit__(self, *_: object) -> None:
        pid = int((self.folder / "queue/pid/master.pid").read_text())
        self._postfix("stop")
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "Postfix does not stop")

    def mails(self, address: str) -> list[bytes]:
        """What lies in the Maildir of one address."""
        return [path.read_bytes() for path in sorted((self.maildirs / address / "new").glob("*"))]

    def wait_for(self, count: int) -> None:
        """Until so many mails lie in all Maildirs together."""
        wait_until(lambda: len(list(self.maildirs.glob("*/new/*"))) >= count, f"Postfix did not deliver {count} mails")

    def _postfix(self, command: str) -> None:
        done = subprocess.run(
            ["/usr/sbin/postfix", "-c", str(self.folder / "etc"), command], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def running_postfix(folder: Path, addresses: list[str], certificate: Certificate, **more: Any) -> Iterator[Postfix]:
    """A Postfix in ``folder`` that other users may look into (it must be able to read it); ``more`` as `Postfix`."""
    with Postfix(folder, addresses, certificate, **more) as postfix:
        yield postfix
