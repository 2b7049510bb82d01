"""A round-robin balancer for tests: each connection goes to the next address that accepts one."""

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 1 << 16


@dataclass
class Balancer:
    """A running balancer: its port, and how many connections each port behind it got."""

    port: int
    served: dict[int, int] = field(default_factory=dict)


@contextmanager
def round_robin(ports: Sequence[int]) -> Iterator[Balancer]:
    """Relay connections to ports of this machine, in turn, for the length of a block; a dead port is passed over."""
    turns = itertools.cycle(range(len(ports)))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        balancer = Balancer(listener.getsockname()[1], dict.fromkeys(ports, 0))

        def connect() -> socket.socket | None:
            first = next(turns)
            for n in range(len(ports)):
                port = ports[(first + n) % len(ports)]
                with suppress(OSError):
                    found = socket.create_connection(("127.0.0.1", port), timeout=5)
                    found.settimeout(None)
                    balancer.served[port] += 1
                    return found
            return None

        def serve(client: socket.socket) -> None:
            upstream = connect()
            if upstream is None:
                client.close()
                return
            back = threading.Thread(target=_pump, args=(upstream, client), daemon=True)
            back.start()
            _pump(client, upstream)
            back.join()
            client.close()
            upstream.close()

        def accept() -> None:
            with suppress(OSError):  # the listener is closed
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield balancer


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one side was killed: so the other side notices too
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
