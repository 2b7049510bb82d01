"""What the isolation of the sandbox costs: the same images in a process with it and in one with limits only.

    .venv/bin/python -m benchmarks.sandbox_cost [--rounds 5]

Processes with and without isolation take turns, and each decodes the same synthetic images. Prints for each format the
median CPU time of one image with and without it, and their ratio; then the time that it takes to become isolated.
"""

import argparse
import io
import json
import os
import statistics
import time
from collections.abc import Callable

import numpy as np

from benchmarks.archive_speed import photo
from core.imaging.decode import load_decoders
from core.imaging.isolation.namespaces import Separation
from core.imaging.operations import encode_with_noise, probe

MEMORY = 4 << 30


def files(rng: np.random.Generator) -> dict[str, tuple[bytes, int]]:
    """Images of each format, and how often each is decoded in a round."""
    from pillow_heif import from_pillow

    large, small, found = photo(2000, 1500, rng), photo(64, 64, rng), {}
    for format in ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "AVIF", "GIF"):
        out = io.BytesIO()
        large.save(out, format)
        found[f"{format} 3 MP"] = (out.getvalue(), 3)
    out = io.BytesIO()
    from_pillow(large).save(out)
    found["HEIC 3 MP"] = (out.getvalue(), 3)
    out = io.BytesIO()
    small.save(out, "PNG")
    found["PNG 64 px"] = (out.getvalue(), 1000)
    return found


def in_child(work: Callable[[], object], *, isolated: bool) -> tuple[float, float]:
    """CPU seconds of work in a forked process, and the seconds that it took to become isolated."""
    read, write = os.pipe()
    if os.fork() == 0:
        import core.imaging.isolation.restrict as restriction

        if not isolated:
            restriction.separate = Separation
            restriction.forbid_paths = lambda: 0
            restriction.allow_decoding_only = lambda: True  # only says so: no limit of processes
        began = time.perf_counter()
        restriction.restrict(memory=MEMORY, descriptors={0, 1, 2, write}, parent=os.getppid())
        started = time.perf_counter() - began
        os.getcwd = lambda: "/"
        began = time.process_time()
        work()
        os.write(write, json.dumps([time.process_time() - began, started]).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        seconds, started = json.loads(pipe.read())
    os.wait()
    return seconds, started


def main() -> None:
    parser = argparse.ArgumentParser(description="What the isolation of the sandbox costs.")
    parser.add_argument("--rounds", type=int, default=5, help="times that each format is measured")
    rounds = parser.parse_args().rounds
    load_decoders(max_pixels=100_000_000)
    rng = np.random.default_rng(1)
    noise = rng.integers(-8, 9, (3, 32, 32)).astype(np.int8).tobytes()
    starts: dict[bool, list[float]] = {True: [], False: []}
    print("what is decoded           without ms    with ms  ratio", flush=True)
    images = files(rng)
    for name, (data, times) in images.items():
        times_each: dict[bool, list[float]] = {True: [], False: []}

        def work(data: bytes = data, times: int = times) -> None:
            for _ in range(times):
                probe(data)

        for _ in range(rounds):
            for isolated in (False, True):
                seconds, started = in_child(work, isolated=isolated)
                times_each[isolated].append(seconds / times)
                starts[isolated].append(started)
        print_row(name, times_each)
    data = images["JPEG 3 MP"][0]
    both: dict[bool, list[float]] = {True: [], False: []}

    def deliver() -> None:
        encode_with_noise(data, noise, size=32, channels=3, radius=8, format="same", keep_exif=False)

    for _ in range(rounds):
        for isolated in (False, True):
            both[isolated].append(in_child(deliver, isolated=isolated)[0])
    print_row("JPEG 3 MP, with noise", both)
    print(f"becoming isolated: {statistics.median(starts[True]) * 1e3:.1f} ms, limits only: "
          f"{statistics.median(starts[False]) * 1e3:.1f} ms")  # fmt: skip


def print_row(name: str, seconds: dict[bool, list[float]]) -> None:
    without, with_it = (statistics.median(seconds[isolated]) * 1e3 for isolated in (False, True))
    print(f"{name:24} {without:11.3f} {with_it:10.3f}  {with_it / without:.3f}", flush=True)


if __name__ == "__main__":
    main()
