"""Ports of this machine that no process uses."""

import socket


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_ports(count: int) -> list[int]:
    """Ports that are free, and whose port for gRPC (10,000 above) is free too."""
    ports: list[int] = []
    while len(ports) < count:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port + 10_000 > 65_535:
                port -= 20_000
            try:
                two.bind(("127.0.0.1", port + 10_000))
                with socket.socket() as again:
                    if port != one.getsockname()[1]:
                        again.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports and port > 1024:
            ports.append(port)
    return ports
