"""One bounded HTTP fetch of a feed: size, time, redirects and addresses are limited.

The connection is made to an address that was checked, never resolved again,
while Host and SNI keep the name: DNS cannot answer differently the second time.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpcore2
import httpx2

from nurture import __version__
from nurture.clock import monotonic
from nurture.errors import FeedError
from nurture.news.guard import Allow, Resolve, is_public, resolve

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ADDRESSES_TRIED = 4
_GZIP_OR_ZLIB = 47  # zlib's word for: look at the header


@dataclass(frozen=True, slots=True)
class Limits:
    """What a fetch may cost: bytes (also unpacked), seconds, redirects."""

    size: int = 5_000_000
    connect: float = 10
    read: float = 15
    total: float = 30
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Network:
    """How the world is reached: which addresses a name has, which of them may be dialed, at what cost.

    Tests put their own in the place of ``INTERNET``.
    """

    resolve: Resolve = resolve
    allow: Allow = is_public
    limits: Limits = Limits()
    ssl_context: ssl.SSLContext | None = None  # None: the authorities that the machine trusts


INTERNET = Network()


@dataclass(frozen=True, slots=True)
class Fetched:
    """A feed as it came; ``url`` is where the redirects ended."""

    body: bytes
    url: str
    etag: str | None
    last_modified: str | None


def fetch(
    url: str, *, etag: str | None = None, last_modified: str | None = None, network: Network = INTERNET
) -> Fetched | None:
    """GET a feed; None if it has not changed since ``etag`` and ``last_modified`` (RFC 9110 13.1).

    Raises `FeedError` in words for everything that can go wrong; they name the
    host, never the rest of the address, which may hold a secret.
    """
    backend = _GuardedBackend(network)
    headers: dict[bytes | str, bytes | str] = {
        "User-Agent": f"nurture/{__version__}",
        "Accept-Encoding": "gzip",
        "Connection": "close",
    }
    headers["Accept"] = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
    if etag:
        headers["If-None-Match"] = etag
    if last_modified:
        headers["If-Modified-Since"] = last_modified
    target = _checked(url)
    for _ in range(network.limits.redirects + 1):
        answer = _get(target, headers, backend, network)
        if not isinstance(answer, httpx2.URL):
            return answer
        target = answer
    raise FeedError(f"more than {network.limits.redirects} redirects, the last one to {target.host}")


def _checked(url: str) -> httpx2.URL:
    try:
        found = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise FeedError("the feed's address is not valid") from error
    return _allowed(found)


def _allowed(url: httpx2.URL) -> httpx2.URL:
    if url.scheme not in ("http", "https") or not url.host:
        raise FeedError(f"only http:// and https:// addresses are fetched, not {url.scheme or 'nothing'}:")
    if url.port is not None and not 0 < url.port < 65536:
        raise FeedError(f"the port in the address at {url.host} is not valid")
    if url.userinfo:
        raise FeedError(f"the address at {url.host} holds a user name or password; such feeds are not supported")
    return url


def _get(
    url: httpx2.URL, headers: Mapping[bytes | str, bytes | str], backend: httpcore2.NetworkBackend, network: Network
) -> Fetched | httpx2.URL | None:
    """One request: the feed, None if it is unchanged, or where it has moved to."""
    limits, ssl_context = network.limits, network.ssl_context
    if ssl_context is None and url.scheme == "https":
        ssl_context = httpx2.create_ssl_context(trust_env=False)
    location = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    timeouts = {"connect": limits.connect, "read": limits.read, "write": limits.read, "pool": limits.connect}
    try:
        with (
            httpcore2.ConnectionPool(ssl_context=ssl_context, network_backend=backend) as pool,
            pool.stream("GET", location, headers=headers, extensions={"timeout": timeouts}) as response,
        ):
            found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status in _REDIRECTS and "location" in found:
                return _allowed(url.join(found["location"]))
            if response.status == 304:
                return None
            if response.status != 200:
                raise FeedError(f"{url.host} answers {response.status}, not 200")
            body = _body(response.iter_stream(), found, limits.size)
            return Fetched(body, str(url), found.get("etag"), found.get("last-modified"))
    except httpcore2.TimeoutException as error:
        raise FeedError(f"{url.host} is too slow; the whole fetch may take {limits.total:g} seconds") from error
    except (httpcore2.NetworkError, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
        raise FeedError(f"the connection to {url.host} failed: {error or type(error).__name__}") from error
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise FeedError(f"{url.host} redirects to an address that is not valid") from error


def _body(chunks: Iterable[bytes], headers: dict[str, str], limit: int) -> bytes:
    """The body, unpacked; never holds more than ``limit`` bytes and one chunk."""
    too_large = FeedError(f"the feed is larger than {limit / 1_000_000:g} MB")
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip", "x-gzip", "deflate", ""):
        raise FeedError(f"the server sends the feed packed as {encoding[:20]!r}, which was not asked for")
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding not in ("identity", "") else None
    if int(headers.get("content-length", "0")) > limit:  # digits: httpcore2 refuses anything else
        raise too_large
    body = bytearray()
    try:
        for chunk in chunks:
            # an unpacked chunk may be a thousand times its size: ask for no more than fits
            body += unpack.decompress(chunk, limit - len(body) + 1) if unpack else chunk
            if len(body) > limit:
                raise too_large
    except zlib.error as error:
        raise FeedError("the feed is packed in a way that cannot be unpacked") from error
    return bytes(body)


class _GuardedBackend(httpcore2.NetworkBackend):
    """Connects to checked addresses only, and never works past its deadline."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._deadline = monotonic() + network.limits.total
        self._backend = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Resolve once, check every answer, connect to one of them."""
        addresses = self._network.resolve(host, port)
        refused = [address for address in addresses if not self._network.allow(address)]
        if refused or not addresses:
            raise FeedError(
                f"{host} is at {refused[0] if refused else 'no address'}, which is not a public address; "
                "feeds are fetched from the internet only"
            )
        failure: Exception | None = None
        for address in addresses[:_ADDRESSES_TRIED]:
            try:
                stream = self._backend.connect_tcp(
                    str(address), port, _remaining(self._deadline, timeout), local_address, socket_options
                )
                return _DeadlineStream(stream, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        assert failure is not None
        raise failure


class _DeadlineStream(httpcore2.NetworkStream):
    """A stream whose reads and writes all end at one deadline: a byte a second does not keep us."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _remaining(self._deadline, timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _remaining(self._deadline, timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, _remaining(self._deadline, timeout))
        return _DeadlineStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 as httpcore2 has it
        return self._stream.get_extra_info(info)


def _remaining(deadline: float, timeout: float | None) -> float:
    """Seconds that one step may take; raises when there are none left."""
    left = deadline - monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("the whole fetch took too long")
    return left if timeout is None else min(left, timeout)
