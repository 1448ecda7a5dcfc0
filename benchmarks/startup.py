"""Start-up: what ``import carbondrivers`` and ``carbondrivers --help`` cost beside a bare interpreter, in one run.

Run: python benchmarks/startup.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

REPEATS = 15
CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "import carbondrivers": [sys.executable, "-c", "import carbondrivers"],
    "carbondrivers --help": [sys.executable, "-m", "carbondrivers.cli", "--help"],
}


def seconds(command: list[str]) -> float:
    """Return the median wall time of a command, the first call left out."""
    times = []
    for _ in range(REPEATS + 1):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return median(times[1:])


def main() -> None:
    """Print each case's time, what it adds to the bare interpreter, and its bar."""
    bare = seconds(CASES["python -c pass"])
    bars = {"import carbondrivers": 0.1, "carbondrivers --help": 0.5}
    print(f"{'case':<24}{'seconds':>10}{'x bare':>8}{'bar (s)':>9}")
    for name, command in CASES.items():
        took = bare if name.startswith("python") else seconds(command)
        print(f"{name:<24}{took:>10.3f}{took / bare:>8.1f}{bars.get(name, float('nan')):>9.1f}")


if __name__ == "__main__":
    main()
