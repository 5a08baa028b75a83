"""``wam bench sync``: matching frames of several cameras, with no transport around it.

The same frames in the same order go into our matcher and, where the real ``message_filters`` is
installed, into its ``ApproximateTimeSynchronizer``.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import message_filters
import numpy as np
from builtin_interfaces.msg import Time
from rich.console import Console
from rich.progress import Progress
from sensor_msgs.msg import Image

from wam_cli.benches.arrivals import Arrival, Jitter, make_arrivals, most_sets
from wam_core.frame_matching import FrameMatcher

PEER = 'message_filters.ApproximateTimeSynchronizer'
_CAMERAS = (3, 4)
_RATES_HZ = (30.0, 60.0)

Row = dict[str, object]
# Takes a camera's index and an image; returns the sets of images that it completed.
Feed = Callable[[int, Any], list[tuple[Any, ...]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own arguments."""
    parser.add_argument(
        '--seconds', type=float, default=60.0, help='of frames in each row (default: 60)'
    )
    parser.add_argument(
        '--slop',
        type=float,
        default=0.8,
        help='greatest spread of a set in frame periods (default: 0.8)',
    )
    parser.add_argument(
        '--depth', type=int, default=8, help='frames of a camera that wait (default: 8)'
    )
    parser.add_argument('--seed', type=int, default=0, help='of the frames (default: 0)')


def run(args: argparse.Namespace) -> dict[str, object]:
    """The figures: ``rows`` of ours and ``peers``, one row per number of cameras and rate."""
    makers: dict[str, Callable[[int, float, float], Feed]] = {
        'ours': lambda cameras, rate_hz, slop_s: our_feed(cameras, rate_hz, slop_s, args.depth)
    }
    if has_real_peer():
        makers[PEER] = lambda cameras, _, slop_s: peer_feed(cameras, slop_s, args.depth)
    rows: dict[str, list[Row]] = {name: [] for name in makers}
    jitter = Jitter()
    cases = list(product(_CAMERAS, _RATES_HZ))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task('bench sync', total=len(cases) * len(makers))
        for cameras, rate_hz in cases:
            arrivals = make_arrivals(cameras, rate_hz, args.seconds, jitter, args.seed)
            slop_s = args.slop / rate_hz
            best = most_sets(arrivals, cameras, round(slop_s * 1e9))
            for name, make in makers.items():
                figures = measure(make(cameras, rate_hz, slop_s), arrivals, args.seconds, best)
                rows[name].append({'cameras': cameras, 'rate_hz': rate_hz, **figures})
                progress.advance(task)
    return {
        'seconds': args.seconds,
        'slop_periods': args.slop,
        'depth': args.depth,
        'seed': args.seed,
        'jitter': vars(jitter),
        'rows': rows.pop('ours'),
        'peers': rows,
    }


def has_real_peer() -> bool:
    """Whether ``message_filters`` is the real package and not this repository's stand-in."""
    return not hasattr(message_filters, 'STAND_IN')


def our_feed(cameras: int, rate_hz: float, slop_s: float, depth: int) -> Feed:
    """Our matcher, fed as camera_sync feeds it."""
    names = [f'camera_{index}' for index in range(cameras)]
    matcher = FrameMatcher[Any](names, round(slop_s * 1e9), depth, round(1e9 / rate_hz))

    def feed(camera: int, image: Any) -> list[tuple[Any, ...]]:
        stamp = image.header.stamp
        stamp_ns = stamp.sec * 1_000_000_000 + stamp.nanosec
        return [matched.frames for matched in matcher.add(names[camera], stamp_ns, image)]

    return feed


def peer_feed(cameras: int, slop_s: float, depth: int) -> Feed:
    """The real package's synchroniser, fed by its own filters."""
    filters = [message_filters.SimpleFilter() for _ in range(cameras)]
    synchroniser = message_filters.ApproximateTimeSynchronizer(filters, depth, slop_s)
    found: list[tuple[Any, ...]] = []
    synchroniser.registerCallback(lambda *images: found.append(images))

    def feed(camera: int, image: Any) -> list[tuple[Any, ...]]:
        found.clear()
        filters[camera].signalMessage(image)
        return list(found)

    return feed


def measure(feed: Feed, arrivals: Sequence[Arrival], seconds: float, best: int) -> Row:
    """Feeds all arrivals; the figures of one row.

    latency_ms: from the arrival of a set's last frame to the set, waiting and computing.
    dropped: frames that came and are in no set. missed_matchable: sets fewer than ``best``.
    """
    images = [_image(item.stamp_ns) for item in arrivals]
    outputs = []
    cpu_ns = time.process_time_ns()
    for item, image in zip(arrivals, images, strict=True):
        start = time.perf_counter_ns()
        sets = feed(item.camera, image)
        outputs.append((item.arrival_ns, sets, time.perf_counter_ns() - start))
    cpu_ns = time.process_time_ns() - cpu_ns
    came = {id(image): item for image, item in zip(images, arrivals, strict=True)}
    latency_ms, spread_ms, used = [], [], 0
    for now_ns, sets, taken_ns in outputs:
        for matched in sets:
            items = [came[id(image)] for image in matched]
            waited_ns = now_ns - max(item.arrival_ns for item in items)
            latency_ms.append((waited_ns + taken_ns) / 1e6)
            stamps = [item.stamp_ns for item in items]
            spread_ms.append((max(stamps) - min(stamps)) / 1e6)
            used += len(items)
    return {
        'sets_per_s': len(latency_ms) / seconds,
        'cpu_us_per_set': cpu_ns / 1e3 / max(len(latency_ms), 1),
        'latency_ms': _percentiles(latency_ms, 50, 99),
        'spread_ms': _percentiles(spread_ms, 50, 99),
        'dropped': len(arrivals) - used,
        'missed_matchable': best - len(latency_ms),
    }


def _image(stamp_ns: int) -> Any:
    image = Image()
    image.header.stamp = Time(sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    return image


def _percentiles(values: Sequence[float], *percentiles: int) -> dict[str, float | None]:
    """``{'p50': …}``; null where there are no values."""
    return {
        f'p{percentile}': float(np.percentile(values, percentile)) if values else None
        for percentile in percentiles
    }
