"""Compare the versions of constraints.txt with the security holes that are known, by pip-audit.

    python scripts/course/audit.py [--service osv]        (or: make audit)

Names each package with a known hole and the releases that close it. Exit status: 0 if no hole is known, 1 if there are
some, 2 if none was found but the database did not know all packages or could not be asked at all. The database is on
the network, at the package registry or at osv.dev. It takes half a minute.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
DATABASES = {"pypi": "https://pypi.org", "osv": "https://api.osv.dev"}
NO_ANSWER = """make audit: the database of security holes at {address} gave no answer, so nothing was compared.
  {reason}
What you can do:
- Run it where {address} can be reached. Behind a proxy, set the variable HTTPS_PROXY to the proxy's address first.
- Ask the other database, {other_address}: make audit AUDIT="--service {other}"
- Look at CI's last nightly run, which does the same."""
HOLES_FOUND = """
Run `make lock` for the newest releases, then `make audit` and `make test`. If the old release is still there, another
package holds it back: `pip install --dry-run "NAME==RELEASE" "lprnet_utils[test] @ ."` says which one."""


def ask(service: str) -> tuple[list[dict[str, Any]] | None, str]:
    """pip-audit's list of packages, or None if it could not be made; and what pip-audit said last."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip"]
    command += ["--vulnerability-service", service, "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = done.stderr.strip().splitlines() or ["pip-audit said nothing"]
    try:
        return json.loads(done.stdout)["dependencies"], said[-1]
    except (ValueError, KeyError):
        return None, said[-1]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", choices=tuple(DATABASES), default="pypi", help="database (default: %(default)s)")
    service = parser.parse_args(words).service
    packages, said = ask(service)
    compared = [package for package in packages or () if "version" in package]
    skipped = [package for package in packages or () if "version" not in package]
    if not compared:  # a mirror of the registry has the packages, but not the database: then each one is skipped
        said = skipped[0]["skip_reason"] if skipped else said
        (other,) = set(DATABASES) - {service}
        places = {"address": DATABASES[service], "other": other, "other_address": DATABASES[other]}
        print(NO_ANSWER.format(reason=said, **places), file=sys.stderr)
        return 2
    holes = [(package, hole) for package in compared for hole in package["vulns"]]
    for package, hole in holes:
        closed = ", ".join(hole["fix_versions"]) or "no release yet"
        print(
            f"{package['name']} {package['version']}: {', '.join([hole['id'], *hole['aliases']])}; closed by {closed}"
        )
    print(f"{len(compared)} packages of {CONSTRAINTS.name} compared, {len(holes)} known holes")
    for package in skipped:
        print(f"not compared: {package['name']} ({package['skip_reason']})")
    if holes:
        print(HOLES_FOUND)
    return 1 if holes else 2 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
