"""A throwaway Dovecot that does nothing but check logins by XOAUTH2, for Postfix (its SASL server).

It asks the token server whether a token holds (RFC 7662). It needs Debian's package `dovecot-core`, and root.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.ready import wait_until

MAIN = """\
base_dir = {folder}/run
state_dir = {folder}/state
instance_name = nurture-test
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_mechanisms = xoauth2
auth_debug = yes
passdb {{
  driver = oauth2
  mechanisms = xoauth2
  args = {folder}/oauth2.conf
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service auth {{
  unix_listener {folder}/sasl {{
    mode = 0666
  }}
}}
"""
OAUTH = """\
introspection_mode = post
introspection_url = {url}/introspect
username_attribute = username
active_attribute = active
active_value = true
"""


def is_available() -> bool:
    """Whether this machine can start one."""
    return shutil.which("dovecot", path="/usr/sbin:/usr/bin") is not None and os.geteuid() == 0


@contextmanager
def running_dovecot(folder: Path, token_url: str) -> Iterator[Path]:
    """A Dovecot in ``folder``; gives the socket at which Postfix asks it."""
    folder.mkdir(mode=0o755)
    (folder / "dovecot.conf").write_text(MAIN.format(folder=folder))
    (folder / "oauth2.conf").write_text(OAUTH.format(url=token_url))
    process = subprocess.Popen(
        ["/usr/sbin/dovecot", "-F", "-c", str(folder / "dovecot.conf")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: (folder / "sasl").exists(), "Dovecot does not start")
        yield folder / "sasl"
    finally:
        process.terminate()
        process.wait(timeout=30)
