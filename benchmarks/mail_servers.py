"""What the benchmarks send to: Postfix's smtp-sink, a far-away one, and a whole Postfix."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import ROOT
from tests.servers.certificates import Certificate

# Takes everything from this machine and throws it away, behind a queue of its own.
_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = mx.bench.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
default_transport = discard:
relay_transport = discard:
alias_maps =
default_process_limit = 100
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
maillog_file =
"""
_TLS = """\
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
"""
_MASTER = """\
127.0.0.1:{port} inet n - n - 100 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
proxymap unix - - n - - proxymap
showq unix n - n - - showq
pickup unix n - n 60 1 pickup
tlsmgr unix - - n 1000? 1 tlsmgr
"""


@contextmanager
def sink() -> Iterator[int]:
    """Postfix's ``smtp-sink``, which takes everything and keeps nothing; gives its port."""
    port = _free_port()
    user = ["-u", pwd.getpwuid(65534).pw_name] if os.geteuid() == 0 else []
    command = [program("smtp-sink"), *user, f"127.0.0.1:{port}", "200"]
    with _process(command, port):
        yield port


@contextmanager
def far_away(target: int, *, round_trip_ms: float) -> Iterator[int]:
    """A port that leads to ``target``, each way taking half of the round trip."""
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.delay", str(port), str(target), str(round_trip_ms / 2)]
    with _process(command, port):
        yield port


@contextmanager
def postfix(certificate: Certificate | None = None) -> Iterator[int]:
    """A whole Postfix whose queue lies in memory (/dev/shm) and whose mails end in nothing; needs root.

    With a ``certificate`` it offers STARTTLS.
    """
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="nurture-bench-", dir="/dev/shm") as name:
        folder = Path(name)
        for part in ("etc", "queue", "data"):
            (folder / part).mkdir()
        for path in (folder, folder / "etc", folder / "queue"):
            path.chmod(0o755)
        shutil.chown(folder / "data", "postfix")
        tls = _TLS.format(certificate=certificate.certificate, key=certificate.key) if certificate else ""
        (folder / "etc/main.cf").write_text(_MAIN.format(folder=folder) + tls)
        (folder / "etc/master.cf").write_text(_MASTER.format(port=port))
        command = [program("postfix"), "-c", str(folder / "etc")]
        subprocess.run([*command, "start"], check=True, capture_output=True)
        try:
            _await(port)
            yield port
        finally:
            subprocess.run([*command, "stop"], check=False, capture_output=True)


def program(name: str) -> str:
    """Where a program of Postfix is; ends with a message if it is missing."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    return found or sys.exit(f"{name} is missing; it comes with Postfix (Debian: apt-get install postfix)")


@contextmanager
def _process(command: list[str], port: int) -> Iterator[None]:
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        _await(port)
        yield
    finally:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _await(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.settimeout(5)
            if connection.recv(3) == b"220":
                return
        time.sleep(0.05)
    sys.exit(f"the mail server on port {port} does not answer")
