"""Hundreds of uploads that are wrong: malformed archives, images, names, multipart bodies and tus requests.

    .venv/bin/python -m benchmarks.reliability.hostile_uploads [--uploads 600] [--seconds 900] [--seed 1]

The uploads are drawn by hypothesis from `benchmarks.reliability.hostile_corpus`, so a seed names them. Each is sent as
a form, as a malformed form, or by tus with malformed requests before it. No answer may be a 5xx, and no request may
stay without an answer. At the end the API must be alive, every check over, no file of an upload left, and a sound
dataset accepted. The exit status is 1 where not.
"""

import argparse
import base64
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.reliability.hostile_corpus import archives
from benchmarks.reliability.service import BenchmarkService, drawn_dataset, machine, running_service, wait_for

TUS = {"Tus-Resumable": "1.0.0"}
PATCH = TUS | {"Content-Type": "application/offset+octet-stream"}
FILENAMES = (
    "a.zip",
    "a.tar.gz",
    "../../a.zip",
    "a\r\nX: y.zip",
    "\u202egpj.zip",
    "x" * 400,
    "",
    "CON",
    "a.zip\x00.png",
    "é.zip",
)
ODD_NUMBERS = ("-1", "0", "1e3", "٣", "9" * 30, "", " 5", "0x10", "NaN", "5.0", "4294967296")
ODD_HEADERS = (
    {"Upload-Metadata": "filename"}, {"Upload-Metadata": "filename !!!"}, {"Upload-Metadata": "," * 50},
    {"Upload-Metadata": "filename " + base64.b64encode(b"\xff\xfe").decode()}, {"Upload-Defer-Length": "1"},
    {"Upload-Concat": "partial"}, {"Upload-Concat": "final;/v1/uploads/x"}, {"Tus-Resumable": "0.2.2"},
    {"Upload-Checksum": "sha1 AAAA"}, {"Upload-Checksum": "crc32"}, {"X-HTTP-Method-Override": "DELETE"},
    {"Content-Type": "text/plain"}, {"Content-Type": ""}, {"Content-Encoding": "gzip"}, {"Expect": "200-maybe"},
    {"Upload-Offset": "1"}, {"Idempotency-Key": "k" * 5000}, {"Idempotency-Key": "\xe9"}, {"Range": "bytes=9-1"},
)  # fmt: skip


@dataclass
class Tally:
    """What was sent, and what came back."""

    sent: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, kind: str, response: httpx.Response) -> httpx.Response:
        """Count an answer."""
        self.sent[kind] += 1
        self.statuses[response.status_code] += 1
        if response.status_code >= 500:
            self.wrong.append(f"{kind}: {response.status_code} {response.text[:200]}")
        return response


def send_form(client: httpx.Client, tally: Tally, data: bytes, choose: random.Random) -> None:
    """Send an upload as a form."""
    filename = choose.choice(FILENAMES)
    field_name = choose.choice(["file", "file", "file", "files", "other", ""])
    files: list[tuple[str, tuple[str, bytes]]] = [(field_name, (filename, data))]
    if choose.random() < 0.3:
        files += [
            (choose.choice(["files", "file"]), (f"{'ab'[n % 2]}/{n}.png", data)) for n in range(choose.randint(1, 8))
        ]
    fields = {"name": choose.choice(["n", "", "x" * 600, "\x00", "a\nb", "\u202e"])} if choose.random() < 0.3 else {}
    tally.note("form", client.post("/v1/datasets", files=files, data=fields))


def send_bad_form(client: httpx.Client, tally: Tally, data: bytes, choose: random.Random) -> None:
    """Send a multipart body that is malformed itself."""
    head = 'Content-Disposition: form-data; name="file"; filename="a.zip"'
    parts = {
        "no end": b"--x\r\n" + head.encode() + b"\r\n\r\n" + data,
        "no header": b"--x\r\n\r\n" + data + b"\r\n--x--\r\n",
        "long header": b"--x\r\n" + head.encode() + b"\r\nX: " + b"y" * 100_000 + b"\r\n\r\n" + data + b"\r\n--x--",
        "many parts": b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 3000 + b"--x--\r\n",
        "null bytes": b'--x\r\nContent-Disposition: form-data; name="fi\0le"; filename="\0"\r\n\r\n'
        + data
        + b"\r\n--x--\r\n",
        "other charset": b"--x\r\nContent-Disposition: form-data; name=file; filename*=utf-99''%ff%fe\r\n\r\n"
        + data
        + b"\r\n--x--\r\n",
        "encoded word": b'--x\r\nContent-Disposition: form-data; name=file; filename="=?utf-8?b?////?="\r\n\r\n'
        + data
        + b"\r\n--x--\r\n",
        "preamble": b"junk\r\n" * 50 + b"--x\r\n" + head.encode() + b"\r\n\r\n" + data + b"\r\n--x--\r\ntrailer",
        "bare newlines": b"--x\n" + head.encode() + b"\n\n" + data + b"\n--x--\n",
        "nothing": b"",
    }
    kind = choose.choice(sorted(parts))
    boundary = choose.choice(["x", "x", "x", "x", "", "y" * 300, '"x', "x\\"])
    content_type = choose.choice(
        [f"multipart/form-data; boundary={boundary}"] * 6 + ["multipart/form-data", "multipart/mixed; boundary=x"]
    )
    response = client.post("/v1/datasets", content=parts[kind], headers={"Content-Type": content_type})
    tally.note(f"bad form, {kind}", response)


def send_tus(client: httpx.Client, tally: Tally, data: bytes, choose: random.Random) -> None:
    """Send an upload by tus, with requests that are wrong before and after it."""
    odd = choose.choice(ODD_HEADERS)
    number = choose.choice(ODD_NUMBERS)
    names = {"Upload-Metadata": "filename " + base64.b64encode(choose.choice(FILENAMES).encode()).decode()}
    tally.note(
        "tus, odd header",
        client.post("/v1/uploads", headers=_bytes(TUS | {"Upload-Length": str(len(data))} | odd), content=data[:9]),
    )
    tally.note("tus, odd length", client.post("/v1/uploads", headers=_bytes(TUS | {"Upload-Length": number} | names)))
    begun = tally.note("tus", client.post("/v1/uploads", headers=TUS | {"Upload-Length": str(len(data))} | names))
    if begun.status_code != 201:
        return
    url = begun.headers["location"]
    tally.note("tus, odd offset", client.patch(url, headers=_bytes(PATCH | {"Upload-Offset": number}), content=data))
    tally.note(
        "tus, odd patch",
        client.patch(url, headers=_bytes(PATCH | {"Upload-Offset": "0"} | odd), content=data[: len(data) // 2]),
    )
    at = client.head(url, headers=TUS).headers.get("upload-offset")
    if at is not None:
        tally.note(
            "tus, rest",
            client.patch(
                url, headers=PATCH | {"Upload-Offset": at}, content=data[int(at) :] + choose.choice([b"", b"", b"more"])
            ),
        )
    tally.note("tus, again", client.patch(url, headers=PATCH | {"Upload-Offset": "0"}, content=data))
    tally.note("tus, end", client.delete(url, headers=TUS))


def _bytes(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: value.encode("utf-8") for name, value in headers.items()}


def send_all(service: BenchmarkService, options: argparse.Namespace, tally: Tally) -> int:
    """Send the drawn uploads, and return how many there were."""
    choose, deadline, uploads = random.Random(options.seed), time.monotonic() + options.seconds, 0
    with service.client() as client:

        @seed(options.seed)
        @settings(
            max_examples=options.uploads, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(data=archives(), how=st.sampled_from([send_form, send_form, send_bad_form, send_tus, send_tus]))
        def send(data: bytes, how: Any) -> None:
            nonlocal uploads
            if time.monotonic() > deadline:
                return
            uploads += 1
            try:
                how(client, tally, data, choose)
            except httpx.LocalProtocolError:
                tally.sent["cannot be sent"] += 1  # our own client refuses such a header
            except (httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError) as error:
                tally.sent[f"closed while it was sent, {type(error).__name__}"] += 1
            except httpx.HTTPError as error:
                tally.wrong.append(f"no answer: {how.__name__}: {error!r}")

        send()
    return uploads


def inspect(service: BenchmarkService, tally: Tally) -> None:
    """Check what must hold after all of them; adds to `tally.wrong`."""
    with service.client() as client:

        def checks_are_over() -> bool:
            return not client.get("/v1/datasets?limit=200").text.count('"state":"checking"')

        try:
            wait_for(checks_are_over, seconds=240, pause=2)
        except TimeoutError:
            tally.wrong.append("checks of datasets are not over")
        sound = client.post("/v1/datasets", files={"file": ("sound.zip", drawn_dataset(12))})
        if sound.status_code != 201:
            tally.wrong.append(f"a sound dataset is not accepted: {sound.status_code} {sound.text[:200]}")
        wait_for(lambda: client.get(f"/v1/datasets/{sound.json()['id']}").json()["state"] == "ready", seconds=120)
    if not service.is_alive():
        tally.wrong.append("the API is not alive")
    if "process_ended" in service.log_text():
        tally.wrong.append("a process of the service ended")
    traces = [line for line in service.log_text().splitlines() if "Traceback" in line or '"exception"' in line]
    tally.wrong += [f"a stack trace in the logs: {line[:1500]}" for line in traces]


def main() -> int:
    """Run it once, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploads", type=int, default=600)
    parser.add_argument("--seconds", type=int, default=900, help="after which no more are sent")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    tally = Tally()
    began = time.monotonic()
    with running_service(max_upload_bytes=20_000_000, max_unpacked_bytes=50_000_000) as service:
        api = service.processes()["api"]
        uploads = send_all(service, options, tally)
        inspect(service, tally)
        if service.processes().get("api") != api:
            tally.wrong.append("the API process is another one than at the beginning")
    print(f"machine: {machine()}")
    print(f"kinds: {dict(sorted(tally.sent.items()))}")
    seconds = time.monotonic() - began
    print(f"statuses: {dict(sorted(tally.statuses.items()))}")
    print(f"{uploads} uploads in {sum(tally.statuses.values())} requests, {seconds:.0f} s; wrong: {len(tally.wrong)}")
    for wrong in tally.wrong[:30]:
        print(f"  {wrong}")
    return int(bool(tally.wrong))


if __name__ == "__main__":
    raise SystemExit(main())
