"""The SMTP client beside others: its CPU, its speed where answers take time, and its speed into a real Postfix."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.mail_servers import far_away, postfix, program, sink
from benchmarks.measurement import Measurement, median, significant
from benchmarks.outbox import CONNECTIONS, make_clinic, plan_edition, write_account
from benchmarks.processes import ROOT

ROUNDS = 5
ROUND_TRIP_MS = 20


def measure() -> list[Measurement]:
    """All in turns within one run, so that ratios hardly hang on the neighbours.

    ``smtp_client_cpu_ms``: finished mails of 24 kB into smtp-sink. ``rtt20_vs_aiosmtplib``: mails a second over 16
    connections to a server 20 ms away, the whole product with Ed25519 and its durable log (mails of 24 kB)
    against aiosmtplib's ``sendmail`` of finished ones of 20 kB without any log. ``postfix_vs_smtp_source``:
    finished mails of 20 kB into a Postfix whose queue lies in memory, against Postfix's own smtp-source with
    as many sessions; ``end_to_end_postfix_vs_smtp_source``: the whole product in its place.
    """
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as name:
        folder = Path(name)
        planned = folder / "planned"
        make_clinic(planned, 3_000)
        plan_edition(planned)
        return [
            *_client(),
            *_far_away(folder, planned),
            *_postfix(folder, planned),
            *_two(folder, planned),
            _fsync(folder),
        ]


def _client() -> list[Measurement]:
    ours: list[float] = []
    theirs: list[float] = []
    with sink() as port:
        for _ in range(ROUNDS):
            for found, way in ((ours, "nurture"), (theirs, "aiosmtplib")):
                done = run("benchmarks.client", way, "5000", str(port), "24000")
                found.append(done["cpu"] / done["sent"] * 1000)
    return [
        median("smtp_client_cpu_ms", ours, "ms CPU", bar=0.1),
        median("smtp_client_aiosmtplib_cpu_ms", theirs, "ms CPU"),
    ]


def _far_away(folder: Path, planned: Path) -> list[Measurement]:
    ours, theirs = [], []
    with sink() as near, far_away(near, round_trip_ms=ROUND_TRIP_MS) as port:
        for _ in range(3):
            ours.append(_rate(_deliver(folder, planned, port)))
            theirs.append(_rate(run("benchmarks.client", "aiosmtplib", "1000", str(port), "20000")))
    ratios = [fast / slow for fast, slow in zip(ours, theirs, strict=True)]
    return [
        median("rtt20_vs_aiosmtplib", ratios, "times", bar=3.2, at_least=True),
        median("rtt20_mails", ours, "mails/s", at_least=True),
    ]


def _postfix(folder: Path, planned: Path) -> list[Measurement]:
    client, whole, source = [], [], []
    if os.geteuid() != 0:
        print("not measured without root: postfix_vs_smtp_source", file=sys.stderr)
        return []
    with postfix() as port:
        for _ in range(ROUNDS):
            client.append(_rate(run("benchmarks.client", "nurture", "2000", str(port), "20000")))
            source.append(_smtp_source(2000, port, 20_000))
            whole.append(_rate(_deliver(folder, planned, port)))
    alone = [ours / its for ours, its in zip(client, source, strict=True)]
    product = [ours / its for ours, its in zip(whole, source, strict=True)]
    return [
        median("postfix_vs_smtp_source", alone, "times", bar=0.85, at_least=True),
        median("end_to_end_postfix_vs_smtp_source", product, "times", bar=0.7, at_least=True),
    ]


def _two(folder: Path, planned: Path) -> list[Measurement]:
    """Two workers on one SQLite database against one; the sink shares the cores with them."""
    found = []
    with sink() as port:
        for _ in range(3):
            clinic = _account(folder, planned, port)
            served = _sink_seconds(port)
            one = _all([clinic])
            served = _sink_seconds(port) - served
            shutil.rmtree(clinic)
            clinic = _account(folder, planned, port)
            two = _all([clinic, clinic])
            shutil.rmtree(clinic)
            if one["sent"] != two["sent"]:
                sys.exit(f"one process sent {one['sent']} mails, two sent {two['sent']}")
            client, server = one["cpu"] / one["sent"], served / one["sent"]
            ceiling = min(2.0, (os.cpu_count() or 1) * client / (client + server))
            found.append(_rate(two) / _rate(one) / ceiling)
    return [median("two_processes_vs_ceiling", found, "times", bar=0.9, at_least=True)]


def _fsync(folder: Path) -> Measurement:
    """How long the disk takes to keep 4 kB: nothing durable is faster."""
    times = []
    with (folder / "fsync").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1000)
    return Measurement("fsync_median_ms", significant(statistics.median(times)), "ms")


def run(module: str, *arguments: str) -> dict[str, float]:
    """Run one of our processes to its end; its answer. Ends with a message if it fails."""
    return _answer(_start(module, *arguments))


def _start(module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _answer(process: subprocess.Popen[str]) -> dict[str, float]:
    output = process.communicate()[0]
    if process.returncode:
        sys.exit(f"{process.args!r} ended with {process.returncode}")
    found: dict[str, float] = json.loads(output.splitlines()[-1])
    return found


def _account(folder: Path, planned: Path, port: int) -> Path:
    clinic = folder / "clinic"
    shutil.copytree(planned, clinic)
    write_account(clinic, port=port, keys=("ed25519",))
    return clinic


def _deliver(folder: Path, planned: Path, port: int) -> dict[str, float]:
    clinic = _account(folder, planned, port)
    done = run("benchmarks.deliver", str(clinic))
    shutil.rmtree(clinic)
    return done


def _all(clinics: list[Path]) -> dict[str, float]:
    """Workers side by side; the wall time is from the first one's start to the last one's end of delivering."""
    answers = [
        _answer(process) for process in [_start("benchmarks.deliver", str(clinic), "--beside") for clinic in clinics]
    ]
    ended = max(answer["ended"] for answer in answers)
    began = min(answer["began"] for answer in answers)
    return {
        "sent": sum(answer["sent"] for answer in answers),
        "cpu": sum(answer["cpu"] for answer in answers),
        "wall": ended - began,
    }


def _smtp_source(mails: int, port: int, size: int) -> float:
    command = [program("smtp-source"), "-d", "-s", str(CONNECTIONS), "-m", str(mails), "-l", str(size)]
    began = time.perf_counter()
    subprocess.run([*command, f"127.0.0.1:{port}"], check=True)
    return mails / (time.perf_counter() - began)


def _sink_seconds(port: int) -> float:
    """CPU seconds of the process that listens on ``port``."""
    listed = subprocess.run(["ps", "-eo", "times=,args="], check=True, capture_output=True, text=True).stdout
    found = re.search(rf"(?m)^ *(\d+) .*smtp-sink.*:{port} ", listed)
    if found is None:
        raise AssertionError("the sink is gone")
    return float(found[1])


def _rate(done: dict[str, float]) -> float:
    return done["sent"] / done["wall"]
