"""Addresses of the service: hosts, ports and origins as browsers and settings write them."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
WILDCARD_HOSTS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # every address, and the one that this machine itself uses
# First parts of the service's own paths. A public URL cannot begin with one: `/jobs/ID` would have two meanings.
OWN_PATHS = frozenset(
    (
        *("datasets", "docs", "generators", "healthz", "jobs", "metrics", "readyz", "sessions", "sign-in", "sign-out"),
        *("static", "status", "tokens", "v1", "workers"),
    )
)
DEFAULT_PORTS = {"http": 80, "https": 443}

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
_AUTHORITY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:@/?#\\\s]+)(:(?P<port>[0-9]{1,5}))?")
_PATH = re.compile(r"(/[A-Za-z0-9._~-]+)*")


def normalize_host(text: str) -> str | None:
    """Write a host as it is compared: in lower case, names in ASCII, IPv6 addresses without brackets.

    Args:
        text: a name or an IP address.

    Returns:
        The host; None where the text is neither a name nor an address.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    try:
        name = text.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        return None
    return name if _NAME.fullmatch(name) else None


def bracketed(host: str) -> str:
    """Write a host as URLs do: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def is_loopback(host: str) -> bool:
    """Whether a normalized host is this machine itself."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of a page (RFC 6454).

    Attributes:
        scheme: http or https.
        host: the normalized host.
        port: the TCP port.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, scheme: str, authority: str) -> Self | None:
        """The origin of a scheme with `HOST` or `HOST:PORT`; None where they are not valid."""
        found = _AUTHORITY.fullmatch(authority)
        host = normalize_host(found["host"]) if found else None
        if found is None or host is None or scheme not in DEFAULT_PORTS:
            return None
        port = int(found["port"] or DEFAULT_PORTS[scheme])
        return cls(scheme, host, port) if 1 <= port <= 65535 else None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read an `Origin` header such as `https://example.org:8443`; None where it names no origin."""
        scheme, separator, authority = text.partition("://")
        return cls.of(scheme.lower(), authority) if separator else None

    def __str__(self) -> str:
        """Write the origin as a URL without a path; the default port is left out."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{bracketed(self.host)}{port}"


@dataclass(frozen=True, slots=True)
class PublicUrl:
    """The address at which users reach the service.

    Attributes:
        origin: its origin.
        path: the path below which a proxy shows the service, such as `/unteachable`; empty for none.
    """

    origin: Origin
    path: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a public URL. Raises ValueError with what is wrong with it."""
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = None
        origin = Origin.of(parts.scheme.lower(), parts.netloc) if parts else None
        if parts is None or origin is None:
            raise ValueError(f"{text} is no address such as https://example.org or http://192.168.1.7:8000")
        path = parts.path.rstrip("/")
        if parts.query or parts.fragment or not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
            raise ValueError(f"{text} may have a path of letters, digits and -._~ after the host, and nothing else")
        first = path.split("/")[1] if path else ""
        if first in OWN_PATHS:
            raise ValueError(f"{text} cannot begin with /{first}, which is a path of the service itself")
        return cls(origin, path)

    def __str__(self) -> str:
        """Write the URL without a slash at the end."""
        return f"{self.origin}{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAddress:
    """Where the API listens, and which hosts a request may name.

    Attributes:
        host: the normalized host that the API listens on.
        port: its TCP port.
        public: the address at which users reach the service; None where it is that of the API.
        further_hosts: normalized hosts that are allowed besides.
    """

    host: str
    port: int
    public: PublicUrl | None = None
    further_hosts: frozenset[str] = frozenset()

    @property
    def local(self) -> str:
        """The URL at which this machine reaches the API, without a slash at the end and without a proxy."""
        return f"http://{bracketed(WILDCARD_HOSTS.get(self.host, self.host))}:{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """The normalized hosts that requests may name."""
        own = frozenset() if self.host in WILDCARD_HOSTS else frozenset({self.host})
        public = frozenset() if self.public is None else frozenset({self.public.origin.host})
        return LOOPBACK_HOSTS | own | public | self.further_hosts

    @property
    def answers_only_here(self) -> bool:
        """Whether the API listens on every address of this machine, but answers to none of its outward names."""
        return self.host in WILDCARD_HOSTS and self.hosts == LOOPBACK_HOSTS
