"""One mail of 24 kB, signed for DKIM: nurture's signer beside dkimpy's, and the bare signatures below both."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from datetime import UTC, datetime

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from benchmarks.composing import edition, readers
from benchmarks.measurement import Measurement, median, significant
from nurture.composing.dkim import SIGNED_FIELDS, Signer
from nurture.composing.dkim_keys import SigningKey, new_keys
from nurture.composing.message import Composer
from nurture.composing.mime import quoted_printable

BODY = 24_000
_AT = datetime(2024, 12, 1, 17, 30, tzinfo=UTC)


def measure() -> list[Measurement]:
    """CPU time to sign a mail with RSA (2048 bits), with Ed25519, and with both.

    The header is that of the sample clinic's partner news; the body is filled up to 24 kB of
    quoted-printable text. dkimpy signs the same fields in the same form, as its documentation
    shows: one call, which reads the key. All take turns in this process. Before, dkimpy
    verifies every signature. The bare signatures are what no signer can save; what ours costs
    above them is the difference.
    """
    rsa, edwards = new_keys("riverbend.example", "bench")
    raw = message()
    ours = {"rsa": Signer([rsa]), "ed25519": Signer([edwards]), "both": Signer([rsa, edwards])}
    for signer in ours.values():
        verify(signer.sign(raw, at=_AT) + raw, signer.keys)
    theirs = {"rsa": dkimpy(raw, rsa), "ed25519": dkimpy(raw, edwards)}
    for name, key in (("rsa", rsa), ("ed25519", edwards)):
        verify(theirs[name]() + raw, (key,))
    work: dict[str, Callable[[], object]] = {
        "rsa": lambda: ours["rsa"].sign(raw, at=_AT),
        "ed25519": lambda: ours["ed25519"].sign(raw, at=_AT),
        "both": lambda: ours["both"].sign(raw, at=_AT),
        "bare rsa": lambda: rsa.sign(raw[:1000]),
        "bare ed25519": lambda: edwards.sign(raw[:1000]),
        "dkimpy rsa": theirs["rsa"],
        "dkimpy ed25519": theirs["ed25519"],
    }
    cpu: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(7):
        for name, call in work.items():  # in turns, so that all see the same neighbours
            cpu[name].append(_cpu_ms(call, 20 if name.startswith("dkimpy") else 300))
    times = [slow / fast for slow, fast in zip(cpu["dkimpy rsa"], cpu["rsa"], strict=True)]
    above = [signed - bare for signed, bare in zip(cpu["rsa"], cpu["bare rsa"], strict=True)]
    return [
        Measurement("dkim: the mail", significant(len(raw) / 1000), "kB"),
        median("dkim: rsa-2048", cpu["rsa"], "ms CPU"),
        median("dkim: rsa-2048, the bare signature", cpu["bare rsa"], "ms CPU"),
        median("dkim: rsa-2048, above the bare signature", above, "ms CPU"),
        median("dkim: ed25519", cpu["ed25519"], "ms CPU"),
        median("dkim: ed25519, the bare signature", cpu["bare ed25519"], "ms CPU"),
        median("dkim: both", cpu["both"], "ms CPU"),
        median("dkim: rsa-2048 by dkimpy", cpu["dkimpy rsa"], "ms CPU"),
        median("dkim: ed25519 by dkimpy", cpu["dkimpy ed25519"], "ms CPU"),
        median("dkim: rsa-2048, dkimpy / nurture", times, "times", at_least=True),
    ]


def message() -> bytes:
    """The header of a partner news, and a body of 24 kB."""
    content = edition()
    head, _, body = Composer(content).compose(readers(content, 1)[7]).raw.partition(b"\r\n\r\n")
    fill = quoted_printable("Zoë walks a little further every day; ask us how.\n" * 1000).encode()
    body = (body + fill)[:BODY].rstrip(b"\r\n") + b"\r\n"
    return head + b"\r\n\r\n" + body


def dkimpy(raw: bytes, key: SigningKey) -> Callable[[], bytes]:
    """A call that signs ``raw`` the plain way."""
    headers = sorted(SIGNED_FIELDS & {line.partition(b":")[0].lower() for line in raw.split(b"\r\n")})
    secret = key.pem.encode()
    if isinstance(key.private, ed25519.Ed25519PrivateKey):
        form = serialization.PrivateFormat.Raw
        octets = key.private.private_bytes(serialization.Encoding.Raw, form, serialization.NoEncryption())
        secret = base64.b64encode(octets)

    def sign() -> bytes:
        signed: bytes = dkim.sign(
            raw,
            key.selector.encode(),
            key.domain.encode(),
            secret,
            canonicalize=(b"relaxed", b"simple"),
            signature_algorithm=key.algorithm.encode(),
            include_headers=[*headers, b"from"],
        )
        return signed

    return sign


def verify(mail: bytes, keys: tuple[SigningKey, ...]) -> None:
    """Every signature of ``mail`` holds; raises `AssertionError` where not."""
    zone = {f"{key.record.name}.".encode(): key.record.value.encode() for key in keys}
    for index in range(len(keys)):
        assert dkim.DKIM(mail).verify(index, dnsfunc=lambda name, timeout=5: zone[name]), f"signature {index}"


def _cpu_ms(call: Callable[[], object], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - began) * 1000 / times
