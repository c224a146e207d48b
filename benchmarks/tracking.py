"""What recording costs a step: python -m benchmarks.tracking [--down]

Prints the time of Tracker.log with eight metrics, called every 20 ms while the sender thread delivers to a fresh sqlite
store; with --down, to a server that refuses the connection.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

from trainer.settings import Tracking
from trainer.tracking import open_tracker

CALLS = 500


def main(down: bool) -> None:
    """Measure and print; times in microseconds."""
    with tempfile.TemporaryDirectory() as name:
        settings = Tracking(uri="http://127.0.0.1:9" if down else None)
        tracker = open_tracker(settings, Path(name), "benchmark", None, True, Path(name), deadline=5.0)
        tracker.start()
        times = []
        for step in range(CALLS):
            metrics = {f"loss/{k}": 1.0 / (step + k + 1) for k in range(8)}
            start = time.perf_counter()
            tracker.log(step, metrics)
            times.append(1e6 * (time.perf_counter() - start))
            time.sleep(0.02)
        tracker.close("FINISHED")
    times.sort()
    where = "server down" if down else "sqlite"
    print(f"{where}: n {CALLS}, median {median(times):.0f} us, mean {mean(times):.0f} us, p99 {times[-5]:.0f} us")


if __name__ == "__main__":
    main("--down" in sys.argv)
