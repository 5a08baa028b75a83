"""One export, measured: ``python -m …export_session FORMAT OPTIONS OUT RATE_HZ JOBS EPISODE...``.

OPTIONS: a JSON object. Prints one JSON object: ``frames`` (pictures of all cameras), ``rows``,
``seconds``, ``cpu_s`` and ``peak_rss_mb``, the largest of its processes.
"""

import json
import resource
import sys
import time
from pathlib import Path

from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings


def main() -> int:
    """Exports, and tells."""
    name, options, out, rate_hz, jobs, *episodes = sys.argv[1:]
    settings = ExportSettings(rate_hz=float(rate_hz), max_hold_s=1.0)
    made = make_format(name, json.loads(options))
    begun = time.perf_counter()
    done = export(made, list(map(Path, episodes)), Path(out), settings, Choice(jobs=int(jobs)))
    seconds = time.perf_counter() - begun
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    answer = {
        'frames': sum(episode.rows * len(episode.cameras) for episode in done.plan.episodes),
        'rows': sum(episode.rows for episode in done.plan.episodes),
        'seconds': seconds,
        'cpu_s': sum(use.ru_utime + use.ru_stime for use in uses),
        'peak_rss_mb': max(use.ru_maxrss for use in uses) * 1024 / 1e6,
    }
    print(json.dumps(answer), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
