"""Look for known vulnerabilities of every locked package: `make audit`.

pip-audit asks a service in OSV's form (https://osv.dev) about the locks in requirements/. Before that, the service must
know the vulnerabilities of an old Pillow: otherwise its silence would mean nothing.

Exit status: 0, none is known, or the service cannot be reached, which is said; 1, some are known; 2, the check does not
work, or the service cannot be reached and `--require-network` is given.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx

LOCKS = Path(__file__).parents[1] / "requirements"
OSV_URL = "https://api.osv.dev/v1/query"
KNOWN = {"package": {"name": "pillow", "ecosystem": "PyPI"}, "version": "9.0.0"}  # CVE-2022-22817 and others
TIMEOUT_SECONDS = 15
OK, FOUND, BROKEN = 0, 1, 2


def main() -> int:
    """Check the locks, and print what was found."""
    parser = argparse.ArgumentParser(description="Look for known vulnerabilities of the locked packages.")
    parser.add_argument("--osv-url", default=OSV_URL, help="address of a service in OSV's form")
    parser.add_argument("--require-network", action="store_true", help="fail where the service cannot be reached")
    parser.add_argument("locks", nargs="*", type=Path, help="locks to check; default all of requirements/")
    options = parser.parse_args()
    locks = options.locks or sorted(LOCKS.glob("*.txt"))
    try:
        answer = httpx.post(options.osv_url, json=KNOWN, timeout=TIMEOUT_SECONDS).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        print(f"NOT CHECKED: {options.osv_url} cannot be reached ({str(error).splitlines()[0]}).")
        print(
            f"Known vulnerabilities of {len(locks)} locks are not looked up. Run `make audit` where there is a network."
        )
        return BROKEN if options.require_network else OK
    if not answer.get("vulns"):
        print(f"{options.osv_url} knows no vulnerability of Pillow 9.0.0, which has many: its answers cannot be used.")
        return BROKEN
    return _audit(locks, options.osv_url)


def _audit(locks: list[Path], osv_url: str) -> int:
    command = ["-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off", "--format", "json"]
    service = ["--vulnerability-service", "osv", "--osv-url", osv_url, "--timeout", str(TIMEOUT_SECONDS)]
    files = [argument for lock in locks for argument in ("--requirement", str(lock))]
    run = subprocess.run([sys.executable, *command, *service, *files], capture_output=True, text=True)
    try:
        packages = json.loads(run.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"pip-audit does not work: {(run.stderr.strip().splitlines() or ['it printed nothing'])[-1]}")
        return BROKEN
    skipped = [package for package in packages if "skip_reason" in package]
    for package in skipped:
        print(f"{package['name']}: not checked: {package['skip_reason']}")
    found = list(_vulnerabilities(packages))
    for line in found:
        print(line)
    print(f"{len(packages)} packages in {len(locks)} locks: {len(found)} known vulnerabilities.")
    return FOUND if found else BROKEN if skipped or not packages else OK


def _vulnerabilities(packages: list[dict[str, Any]]) -> Iterable[str]:
    for package in packages:
        for vulnerability in package.get("vulns", ()):
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version yet"
            names = " ".join([vulnerability["id"], *vulnerability["aliases"]])
            yield f"{package['name']} {package['version']}: {names}, fixed in {fixed}"


if __name__ == "__main__":
    raise SystemExit(main())
