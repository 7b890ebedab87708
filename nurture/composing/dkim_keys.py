"""DKIM keys: read, made, and shown as the DNS records that publish them (RFC 6376 3.6, RFC 8463 4).

No message of this module ever holds a part of a key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

from nurture.errors import SecretError
from nurture.workspace.settings import Dkim

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

RSA_BITS = range(2048, 4097)  # RFC 8301 3.2: shorter is weak, longer need not be verified by anybody
_STRING = 255  # octets of one string of a TXT record (RFC 1035 3.3)
_SEED = 32  # octets of an Ed25519 private key
_PADDING, _SHA256 = padding.PKCS1v15(), hashes.SHA256()


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A TXT record: ``name`` is complete, without the dot at its end."""

    name: str
    value: str

    @property
    def strings(self) -> tuple[str, ...]:
        """``value`` in pieces of at most 255 octets; verifiers join them (RFC 6376 3.6.2.2)."""
        return tuple(self.value[start : start + _STRING] for start in range(0, len(self.value), _STRING))

    @property
    def zone_line(self) -> str:
        """As it stands in a zone file (RFC 1035 5.1)."""
        return f"{self.name}. IN TXT ( " + " ".join(f'"{string}"' for string in self.strings) + " )"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with the domain and selector under which receivers find its public half."""

    domain: str
    selector: str
    private: PrivateKey = field(repr=False)

    @property
    def is_rsa(self) -> bool:
        """Whether every receiver can verify it; Ed25519 is still unknown to many."""
        return isinstance(self.private, rsa.RSAPrivateKey)

    @property
    def algorithm(self) -> str:
        """The value of ``a=``."""
        return "rsa-sha256" if self.is_rsa else "ed25519-sha256"

    def sign(self, data: bytes) -> bytes:
        """The signature of ``data``; the same data always gives the same one (RFC 8017 8.2, RFC 8463 3)."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, _PADDING, _SHA256)
        return self.private.sign(hashlib.sha256(data).digest())

    @property
    def record(self) -> DnsRecord:
        """The DNS record with the public key."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            kind = "rsa"
            public = self.private.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        else:
            kind = "ed25519"
            public = self.private.public_key().public_bytes_raw()
        value = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"
        return DnsRecord(f"{self.selector}._domainkey.{self.domain}", value)

    @property
    def pem(self) -> str:
        """The private key as PKCS #8 PEM, not encrypted: it belongs into a file that nobody else can read."""
        form = serialization.PrivateFormat.PKCS8
        return self.private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def new_keys(domain: str, selector: str) -> tuple[SigningKey, SigningKey]:
    """Fresh keys, ``SELECTOR-rsa`` (2048 bits) and ``SELECTOR-ed25519``: each needs a record of its own."""
    return (
        SigningKey(domain, f"{selector}-rsa", rsa.generate_private_key(65537, RSA_BITS[0])),
        SigningKey(domain, f"{selector}-ed25519", ed25519.Ed25519PrivateKey.generate()),
    )


def read_key(dkim: Dkim, *, from_address: str, root: Path) -> SigningKey:
    """The key that a setting refers to; raises `SecretError` if it cannot be read or is of no use for DKIM."""
    text = dkim.key.read(root)
    try:
        private = parse_private_key(text)
    except ValueError as error:
        where = f"the environment variable {dkim.key.name}" if dkim.key.kind == "env" else f"the file {dkim.key.name}"
        raise SecretError(f"{where} cannot be used for DKIM: {error}") from None  # the cause may repeat the key
    return SigningKey(dkim.domain or from_address.rpartition("@")[2], dkim.selector, private)


def parse_private_key(text: str) -> PrivateKey:
    """A private key from PEM, or from the base64 of its DER or of a bare Ed25519 key on one line.

    Raises ``ValueError`` with a text for people that never repeats the key.
    """
    try:
        if "-----BEGIN" in text:
            key = serialization.load_pem_private_key(text.encode(), password=None)
        else:
            octets = base64.b64decode("".join(text.split()), validate=True)
            if len(octets) == _SEED:
                return ed25519.Ed25519PrivateKey.from_private_bytes(octets)
            key = serialization.load_der_private_key(octets, password=None)
    except TypeError:
        raise ValueError("it is locked with a passphrase; store it without one") from None
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        raise ValueError("it holds no private key in PEM; make one with: nurture dkim new") from None
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("it is neither an RSA nor an Ed25519 key; make one with: nurture dkim new")
    if key.key_size not in RSA_BITS:
        least, most = RSA_BITS[0], RSA_BITS[-1]
        raise ValueError(f"its RSA key has {key.key_size} bits, and {least} to {most} are needed (RFC 8301 3.2)")
    return key
