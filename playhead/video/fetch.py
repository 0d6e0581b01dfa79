"""Bringing a video from a web address to a file: off unless the caller names the hosts.

An address is a stranger's wish to have this machine make a request. So nothing is fetched that the
caller has not allowed by host name; the name is resolved once and the connection goes to exactly
that address; addresses of this machine and of private networks are refused; redirects are not
followed; size and time are bounded. Only https, with the certificate checked.

It fetches one file. It does not log in, resume, or know video sites.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import time
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from playhead.core.errors import FetchFailed, NotAFile, TooLarge, VideoError

_BLOCK_BYTES = 2**18
_FORBIDDEN = set("\\ \t\r\n") | {chr(code) for code in range(32)}


def fetch_video(
    url: str,
    path: str | os.PathLike[str],
    *,
    hosts: Iterable[str],
    max_bytes: int = 4 * 2**30,
    max_s: float = 600.0,
    allow_private: bool = False,
    context: ssl.SSLContext | None = None,
) -> Path:
    """Download a file over https.

    Args:
        url: An https address.
        path: Where to; written whole or not at all.
        hosts: The host names that may be asked, exactly as in the address.
        max_bytes: Stop at more.
        max_s: Stop after so many seconds.
        allow_private: Also connect to this machine and to private networks.
        context: For certificates of your own. None: the system's.

    Returns:
        `path`.

    Raises:
        NotAFile: Not an https address.
        FetchFailed: The host is not allowed, or did not give a file.
        TooLarge: More than `max_bytes`.
    """
    parts = _parse(url)
    host = parts.hostname or ""
    if host not in {allowed.lower() for allowed in hosts}:
        raise FetchFailed(f"{host!r} is not among the hosts that may be asked: add it to hosts")
    end_s = time.monotonic() + max_s
    address = _resolve(host, parts.port or 443, allow_private=allow_private)
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    connection = _Pinned(host, address, max_s, context or ssl.create_default_context())
    try:
        _download(connection, parts, part, max_bytes, end_s)
        part.replace(path)
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, VideoError):
            raise
        raise FetchFailed(f"{host} did not give the file ({type(error).__name__})") from error
    finally:
        connection.close()
        part.unlink(missing_ok=True)
    return path


def _parse(url: str) -> SplitResult:
    """The address, if there is only one way to read it."""
    if _FORBIDDEN & set(url):
        raise NotAFile("an address has no spaces, backslashes or control characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise NotAFile(f"not an address: {error}") from None
    if parts.scheme != "https" or not parts.hostname:
        raise NotAFile(f"only https addresses are fetched: got {parts.scheme or 'no scheme'!r}")
    if parts.username is not None or parts.password is not None:
        raise NotAFile("an address with a user name in it is refused: it may hide its host")
    return parts


def _resolve(host: str, port: int, *, allow_private: bool) -> tuple[str, int]:
    """The one address to connect to. Every address of the name must be a public one."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise FetchFailed(f"no address for {host!r} ({type(error).__name__})") from None
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    for text in addresses:
        address = ip_address(text.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None) or address
        if not allow_private and not (address.is_global and mapped.is_global):
            raise FetchFailed(f"{host!r} is an address of a private network: refused")
    return addresses[0], port


class _Pinned(http.client.HTTPSConnection):
    """An https connection to an address that was already resolved and checked."""

    def __init__(
        self, host: str, address: tuple[str, int], timeout_s: float, context: ssl.SSLContext
    ) -> None:
        super().__init__(host, address[1], timeout=min(timeout_s, 60.0), context=context)
        self._address, self._tls, self._name = address, context, host

    def connect(self) -> None:
        plain = socket.create_connection(self._address, self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self._name)


def _download(
    connection: _Pinned, parts: SplitResult, part: Path, max_bytes: int, end_s: float
) -> None:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    if answer.status != http.client.OK:
        moved = " (redirects are not followed)" if 300 <= answer.status < 400 else ""
        raise FetchFailed(f"{connection.host} answered {answer.status}{moved}")
    claimed = answer.getheader("Content-Length", "")
    total = int(claimed) if claimed.isdigit() else None
    if total is not None and total > max_bytes:
        raise TooLarge(f"the file has {total} bytes; max_bytes is {max_bytes}")
    done = 0
    with part.open("wb") as file:
        while block := answer.read1(_BLOCK_BYTES):
            done += len(block)
            if done > max_bytes:
                raise TooLarge(f"the file has more than max_bytes = {max_bytes} bytes")
            if time.monotonic() > end_s:
                raise FetchFailed(f"{connection.host} was too slow: stopped")
            file.write(block)
    if total is not None and done < total:
        raise FetchFailed(f"{connection.host} stopped after {done} of {total} bytes")
