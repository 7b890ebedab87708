"""From a contact's row to the durable log: what a mail costs, beside the naive way and good practice."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.mail_servers import postfix, sink
from benchmarks.measurement import Measurement, median, significant
from benchmarks.outbox import make_clinic, plan_edition, write_account
from benchmarks.wire import run
from tests.servers.certificates import make_certificate

PEOPLE = 12_500  # four of five are partners, so 10,000 mails less those that a campaign leaves out
ROUNDS = 3
NAIVE_MAILS, GOOD_MAILS = 200, 2_000
RSA, EDWARDS, BOTH = ("rsa",), ("ed25519",), ("rsa", "ed25519")


def measure() -> list[Measurement]:
    """CPU of the delivering process for each mail of an edition, in turns with the same mails sent in other ways.

    Ours is the product's own path with every promise on: claimed, begun, marked and settled in durable
    commits (SQLite, WAL, synchronous FULL), each asked again at the last gate, pipelined over 16 connections
    to Postfix's smtp-sink, on uvloop. It counts from an open database to an empty queue, with reading the files
    and compiling the edition. The row with TLS goes into a Postfix, over STARTTLS with RSA signatures. Naive and
    good practice promise nothing of that; `benchmarks.others` says what they do.
    """
    ours: dict[str, list[float]] = {"rsa": [], "ed25519": [], "both": [], "tls": []}
    naive, good, naive_ratios, good_ratios, peaks = [], [], [], [], []
    with tempfile.TemporaryDirectory(prefix="nurture-bench-") as name, sink() as port:
        folder = Path(name)
        folder.chmod(0o755)  # Postfix reads its certificate there
        certificate = make_certificate(folder / "certificate")
        planned = folder / "planned"
        make_clinic(planned, PEOPLE)
        plan_edition(planned)
        for _ in range(ROUNDS):
            for kind, keys in (("rsa", RSA), ("ed25519", EDWARDS), ("both", BOTH)):
                done = _deliver(folder, planned, port=port, keys=keys)
                ours[kind].append(done["cpu"] / done["sent"] * 1000)
                peaks.append(done["peak"])
            if os.geteuid() == 0:
                with postfix(certificate) as safe:
                    done = _deliver(
                        folder, planned, "--limit", "2000", port=safe, keys=RSA, authority=certificate.authority
                    )
                    ours["tls"].append(done["cpu"] / done["sent"] * 1000)
            naive.append(_each("naive", NAIVE_MAILS, port))
            good.append(_each("good", GOOD_MAILS, port))
            naive_ratios.append(naive[-1] / ours["rsa"][-1])
            good_ratios.append(good[-1] / ours["rsa"][-1])
        million = _million(folder, port)
    few = statistics.median(peaks)
    return [
        median("end_to_end_cpu_ms", ours["rsa"], "ms CPU", bar=0.95),
        median("end_to_end_ed25519_cpu_ms", ours["ed25519"], "ms CPU", bar=0.6),
        median("end_to_end_double_signature_cpu_ms", ours["both"], "ms CPU"),
        *([median("end_to_end_tls_cpu_ms", ours["tls"], "ms CPU")] if ours["tls"] else []),
        median("end_to_end_naive_cpu_ms", naive, "ms CPU"),
        median("end_to_end_good_cpu_ms", good, "ms CPU"),
        median("end_to_end_vs_naive", naive_ratios, "times", bar=15, at_least=True),
        median("end_to_end_vs_good", good_ratios, "times", bar=1.5, at_least=True),
        Measurement("rss_mb_10k", significant(few), "MB RSS", 100),
        Measurement("rss_mb_1m", significant(million), "MB RSS", 100),
        Measurement("rss_1m_vs_10k", significant(million / few), "times", 1.1),
    ]


def _deliver(
    folder: Path, planned: Path, *options: str, port: int, keys: tuple[str, ...], authority: Path | None = None
) -> dict[str, float]:
    clinic = folder / "clinic"
    shutil.copytree(planned, clinic)
    write_account(clinic, port=port, keys=keys, authority=authority)
    done = run("benchmarks.deliver", str(clinic), *options)
    shutil.rmtree(clinic)
    return done


def _million(folder: Path, port: int) -> float:
    """The peak of one process that plans an edition for a million contacts and sends its first 20,000 mails."""
    clinic = folder / "million"
    make_clinic(clinic, 1_000_000)
    write_account(clinic, port=port, keys=EDWARDS)
    done = run("benchmarks.deliver", str(clinic), "--plan", "--limit", "20000")
    shutil.rmtree(clinic)
    return done["peak"]


def _each(way: str, mails: int, port: int) -> float:
    done = run("benchmarks.others", way, str(mails), str(port))
    return float(done["cpu"] / done["sent"] * 1000)
