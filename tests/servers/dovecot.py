"""A throwaway Dovecot on loopback, over Maildirs of its own.

It has its configuration, state and log in one folder, so it stands beside any
other Dovecot of this machine. It needs Debian's package `dovecot-imapd`; it is
stopped by its own process.
"""

import grp
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from imap_tools.imap_utf7 import utf7_encode

from tests.servers.certificates import Certificate
from tests.servers.dovecot_sasl import OAUTH
from tests.servers.ready import free_port, greets, wait_until

PASSWORD = "correct-horse"
USER = "hello@riverbend.example"

CONFIGURATION = """\
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
ssl = {tls}
disable_plaintext_auth = no
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
first_valid_uid = 1
mail_location = maildir:{folder}/mail/%u
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%u allow_all_users=yes
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox "Spam verdächtig" {{
    special_use = \\Junk
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  chroot =
}}
"""
# a permission in the place of the password, which the token server is asked about
TOKENS = """\
auth_mechanisms = plain xoauth2
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
"""
TLS = """\
ssl_cert = <{certificate}
ssl_key = <{key}
"""


def is_available() -> bool:
    """Whether this machine can start one."""
    return shutil.which("dovecot", path="/usr/sbin:/usr/bin:/sbin:/bin") is not None and os.geteuid() == 0


class Dovecot:
    """A running Dovecot that takes any user with `PASSWORD`; ``port`` speaks IMAP, ``tls_port`` over TLS.

    With ``tokens``, the address of a token server, it also takes XOAUTH2.
    """

    def __init__(self, folder: Path, certificate: Certificate | None = None, *, tokens: str | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.tls_port = free_port() if certificate else 0
        self._owner = pwd.getpwuid(65534)
        self._delivered = 0
        (folder / "mail").mkdir(parents=True)
        folder.chmod(0o755)
        os.chown(folder / "mail", self._owner.pw_uid, self._owner.pw_gid)
        text = CONFIGURATION.format(
            folder=folder,
            port=self.port,
            tls_port=self.tls_port,
            tls="yes" if certificate else "no",
            user=self._owner.pw_name,
            group=grp.getgrgid(self._owner.pw_gid).gr_name,
            password=PASSWORD,
        )
        if certificate:
            text += TLS.format(certificate=certificate.certificate, key=certificate.key)
        if tokens:
            text += TOKENS.format(folder=folder)
            (folder / "oauth2.conf").write_text(OAUTH.format(url=tokens), encoding="utf-8")
        (folder / "dovecot.conf").write_text(text, encoding="utf-8")

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def restart(self) -> None:
        """Close all connections, be away for a moment, and come back."""
        self._stop()
        self._start()

    def _start(self) -> None:
        command = ["/usr/sbin/dovecot", "-F", "-c", str(self.folder / "dovecot.conf")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: greets(self.port, b"* OK"), "Dovecot does not answer")

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)

    def maildir(self, folder: str = "INBOX") -> Path:
        """Where the mails of a folder lie; made if it is not there."""
        path = self.folder / "mail" / USER
        if folder != "INBOX":
            path /= "." + utf7_encode(folder).decode("ascii").replace("/", ".")
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True, exist_ok=True)
        for each in (path.parent, path, *path.iterdir()):
            if each.is_dir():
                os.chown(each, self._owner.pw_uid, self._owner.pw_gid)
        return path

    def deliver(self, raw: bytes, folder: str = "INBOX") -> Path:
        """Put a mail into a folder as a mail server would."""
        place = self.maildir(folder)
        self._delivered += 1
        name = f"{int(time.time())}.M{self._delivered:07}P{os.getpid()}.mx.example"
        (place / "tmp" / name).write_bytes(raw)
        os.chown(place / "tmp" / name, self._owner.pw_uid, self._owner.pw_gid)
        return (place / "tmp" / name).rename(place / "new" / name)

    def forget_numbers(self, folder: str = "INBOX") -> None:
        """The folder gets a new UIDVALIDITY; its mails get the numbers 1, 2 ... in any order."""
        time.sleep(1.1)  # a UIDVALIDITY is the second in which the numbers begin
        for path in self.maildir(folder).iterdir():
            if path.is_file() and path.name.startswith("dovecot"):
                path.unlink()


@contextmanager
def running_dovecot(certificate: Certificate | None = None, *, tokens: str | None = None) -> Iterator[Dovecot]:
    """A Dovecot in a new folder that the users it runs as may look into."""
    with (
        tempfile.TemporaryDirectory(prefix="nurture-dovecot-") as name,
        Dovecot(Path(name), certificate, tokens=tokens) as dovecot,
    ):
        yield dovecot
