"""``wam bench recorder``: a rig's cameras and arms into an episode, and into others' writers.

One writer after the other, each with the same load from other processes, in a ROS domain of its
own; beside it the executor at work, whose lateness shows whether the writer disturbs it.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wam_bringup.config import load_rig
from wam_cli.benches import recorder_scene
from wam_cli.benches.processes import private_environment, progress
from wam_cli.benches.recorder_kills import killed
from wam_cli.benches.recorder_scene import LEAD_S, Lateness, scene
from wam_cli.benches.recorder_writers import WRITERS, Start, Written, arm_topics, recorder
from wam_core.errors import WamError

_BASELINE_S: Final = 60.0  # at most, of the executor without a recorder


@dataclass(frozen=True)
class Round:
    """One writer's. late_s: how far the load was behind at its end, and so less than asked."""

    sent: int
    seconds: float
    late_s: float
    lateness: Lateness
    written: Written | None

    def figures(self) -> dict[str, object]:
        """For the report."""
        done = self.written
        assert done is not None
        return {
            'written': done.messages,
            'lost': self.sent - done.messages,
            'cores': done.cpu_s / self.seconds,
            'peak_rss_mb': done.peak_rss_mb,
            'bytes_per_s': done.bytes / self.seconds,
        } | ({'note': done.note} if done.note else {})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own arguments."""
    parser.add_argument('--seconds', type=float, default=60.0, help='of the load (default: 60)')
    parser.add_argument(
        '--rig',
        default='aloha',
        help='whose cameras and arms to play (default: aloha, four cameras at 60 Hz; '
        'sim: three at 30 Hz)',
    )
    parser.add_argument(
        '--peer-seconds',
        type=float,
        default=20.0,
        help='for the others, of which rosbags writes 220 MB/s; 0: without them (default: 20)',
    )
    parser.add_argument(
        '--kills', type=int, default=5, help='of our recorder, each in an episode (default: 5)'
    )
    parser.add_argument(
        '--folder', type=Path, help='on the disk to write to (default: the temporary folder)'
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """The figures: messages ``sent``, ``written`` and ``lost``, cores, memory, and the peers'.

    ``executor_lateness_ms`` has percentiles of the executor's ticks without and with our recorder,
    and in ``bare`` those of a loop that only sleeps: what of it is the machine's. ``killed`` is
    what SIGKILL cost; None with no kills.
    """
    if args.seconds < 1:
        raise WamError(f'--seconds {args.seconds:g}: a run takes at least 1 s')
    if args.folder is not None and not args.folder.is_dir():
        raise WamError(f'--folder {args.folder}: no such directory')
    if args.kills < 0:
        raise WamError(f'--kills {args.kills}: expected 0 or more')
    bench = Bench(args.rig, args.folder)
    without = bench.round('no recorder', None, min(args.seconds, _BASELINE_S))
    ours = bench.round('our recorder', recorder, args.seconds)
    others = {name: bench.peer(name, start, args.peer_seconds) for name, start in WRITERS.items()}
    return {
        'sent': ours.sent,
        **ours.figures(),
        'executor_lateness_ms': {
            'without': without.lateness.executor,
            'with': ours.lateness.executor,
            'bare': {'without': without.lateness.bare, 'with': ours.lateness.bare},
        },
        'killed': killed(args.rig, bench.rig, args.folder, args.kills) if args.kills else None,
        'peers': others,
        'load': {
            'seconds': args.seconds,
            'cameras': {n: c.rate_hz for n, c in bench.rig.cameras.items()},
            'arms': len(arm_topics(bench.rig)),
            'late_s': ours.late_s,
        },
    }


class Bench:
    """folder: None: the temporary one."""

    def __init__(self, rig_name: str, folder: Path | None) -> None:
        self._rig_name = rig_name
        self._folder = folder
        self.rig = load_rig(rig_name)

    def peer(self, name: str, start: Start, seconds: float) -> dict[str, object] | None:
        """The figures of another writer; None, with the reason on standard error, without it."""
        if seconds <= 0:
            return None
        try:
            done = self.round(name, start, seconds)
        except WamError as error:
            print(f'not measured: {name}: {error}', file=sys.stderr)
            return None
        return {
            'sent': done.sent,
            **done.figures(),
            'executor_lateness_ms': done.lateness.executor,
        }

    def round(self, name: str, start: Start | None, seconds: float) -> Round:
        """The load for so long, beside an executor, into one writer or none."""
        with ExitStack() as stack:
            variables = stack.enter_context(private_environment())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder)))
            writer = None
            if start is not None:
                writer = stack.enter_context(start(self._rig_name, self.rig, folder, variables))
            subscribers = 0 if writer is None else 1
            play = stack.enter_context(scene(self.rig, seconds, subscribers, variables))
            play.introduce((lambda: None) if writer is None else writer.hear)
            if writer is not None:
                writer.begin()
            play.begin()
            check = (lambda: None) if writer is None else writer.check
            progress(f'bench recorder: {name}', seconds + LEAD_S, check)
            play.wait()
            lateness = play.lateness()
            written = None if writer is None else writer.end()
            late_s = max(played.late_s for played in play.end())
            sent = recorder_scene.sent(self.rig, seconds)
            return Round(sent, seconds, late_s, lateness, written)
