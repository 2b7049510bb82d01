"""Every operation of the OpenAPI document, called with what the document allows and with what it forbids.

    .venv/bin/python -m benchmarks.reliability.api_contract [--seconds 600] [--examples 25] [--seed 1]

Starts a service, protects a small dataset so that there is something to ask for, and runs schemathesis with all of its
checks over all operations: no 5xx, no status, content type, header or body that the document does not have, no bad
request accepted, no good one refused. At the end the service must be ready still, and know the token of the requests:
without it every operation would answer 401, and nothing would be checked. The exit status is 1 where not.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from benchmarks.reliability.service import BenchmarkService, drawn_dataset, machine, running_service, wait_for

HERE = Path(__file__).parent


def prepare(service: BenchmarkService) -> dict[str, str]:
    """Upload and protect a dataset; returns the ids of what there is then."""
    with service.client() as client:
        dataset = client.post("/v1/datasets", files={"file": ("drawn.zip", drawn_dataset(24))}).json()["id"]
        spec = {"preset": "instant", "evidence": "none"}
        job = client.post("/v1/jobs", json={"kind": "protect", "dataset_id": dataset, "spec": spec}).json()["id"]
        wait_for(lambda: client.get(f"/v1/jobs/{job}").json()["state"] in ("succeeded", "failed"), seconds=300)
        found = client.get(f"/v1/jobs/{job}").json()
        if found["state"] != "succeeded":
            raise RuntimeError(f"the protection failed: {found['error']}")
        token = client.get("/v1/tokens").json()["items"][0]["id"]
    return {"dataset_id": dataset, "job_id": job, "number": "0", "token_id": token}


def run_schemathesis(service: BenchmarkService, known: dict[str, str], options: argparse.Namespace) -> tuple[int, str]:
    """Run the checks; returns the exit status and the output of schemathesis."""
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(HERE / "schemathesis.toml"), "run"),
        *(f"{service.url}/v1/openapi.json", "--header", f"Authorization: Bearer {service.token}"),
        *("--continue-on-failure", "--phases", "examples,coverage,fuzzing"),
        *("--max-examples", str(options.examples), "--max-time", str(options.seconds), "--seed", str(options.seed)),
        *("--workers", "1", "--request-timeout", "60", "--no-shrink", "--suppress-health-check", "all"),
    ]
    environment = os.environ | {
        "RELIABILITY_KNOWN_IDS": json.dumps(known),
        "SCHEMATHESIS_HOOKS": "benchmarks.reliability.schemathesis_hooks",
        "PYTHONPATH": str(HERE.parents[1]),
    }
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return run.returncode, run.stdout + run.stderr


def answers_by_operation(service: BenchmarkService) -> dict[str, dict[str, int]]:
    """How often each operation answered with which status, by the service's own metrics."""
    found: dict[str, dict[str, int]] = {}
    pattern = r'^unteachable_requests_total\{method="(\w+)",route="([^"]*)",status="(\d+)"\} (\S+)$'
    for method, route, status, count in re.findall(pattern, httpx.get(f"{service.url}/metrics").text, re.MULTILINE):
        found.setdefault(f"{method} {route}", {})[status] = int(float(count))
    return found


def main() -> int:
    """Run it once, and print what it found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="the time for the requests")
    parser.add_argument("--examples", type=int, default=25, help="generated requests of an operation")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with running_service(max_upload_bytes=20_000_000) as service:
        status, output = run_schemathesis(service, prepare(service), options)
        ready = httpx.get(f"{service.url}/readyz", timeout=60).status_code
        with service.client() as client:
            known = client.get("/v1/jobs").status_code
        answers = answers_by_operation(service)
        errors = [f"{name}: {statuses}" for name, statuses in answers.items() if any(s[0] == "5" for s in statuses)]
    print(output)
    for name, statuses in sorted(answers.items()):
        print(f"{name:70} {' '.join(f'{status}:{count}' for status, count in sorted(statuses.items()))}")
    print(f"machine: {machine()}")
    total = sum(count for statuses in answers.values() for count in statuses.values())
    print(f"{total} answers of {len(answers)} operations; with a 5xx: {errors or 'none'}")
    print(f"schemathesis: exit status {status}; at the end /readyz: {ready}, with the token: {known}")
    return int(status != 0 or bool(errors) or (ready, known) != (200, 200))


if __name__ == "__main__":
    raise SystemExit(main())
