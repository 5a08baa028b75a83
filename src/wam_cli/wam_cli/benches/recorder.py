"""``wam bench recorder``: a rig's cameras and arms into an episode, and into others' writers.

One writer after the other, each with the same load from other processes, in a ROS domain of its
own; beside it the executor at work, whose lateness shows whether the writer disturbs it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wam_bringup.config import config_directory, load_rig
from wam_cli.benches.lateness import percentiles
from wam_cli.benches.processes import (
    expect,
    finish,
    node_process,
    private_environment,
    process,
    progress,
    tell,
)
from wam_cli.benches.recorder_writers import WRITERS, Running, Start, Written, arm_topics, recorder
from wam_core.errors import WamError

_ARM_HZ: Final = 100.0
_LEAD_S: Final = 1.0  # from the last answer to the first message
_EXECUTOR_HZ: Final = 25.0
_BASELINE_S: Final = 60.0  # at most, of the executor without a recorder


@dataclass(frozen=True)
class Round:
    """One writer's. late_s: how far the load was behind at its end, and so less than asked."""

    sent: int
    seconds: float
    late_s: float
    lateness_ms: dict[str, float]
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
        '--folder', type=Path, help='on the disk to write to (default: the temporary folder)'
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """The figures: messages ``sent``, ``written`` and ``lost``, cores, memory, and the peers'."""
    if args.seconds < 1:
        raise WamError(f'--seconds {args.seconds:g}: a run takes at least 1 s')
    if args.folder is not None and not args.folder.is_dir():
        raise WamError(f'--folder {args.folder}: no such directory')
    bench = Bench(args.rig, args.folder)
    without = bench.round('no recorder', None, min(args.seconds, _BASELINE_S))
    ours = bench.round('our recorder', recorder, args.seconds)
    others = {name: bench.peer(name, start, args.peer_seconds) for name, start in WRITERS.items()}
    return {
        'sent': ours.sent,
        **ours.figures(),
        'executor_lateness_ms': {'without': without.lateness_ms, 'with': ours.lateness_ms},
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
        return {'sent': done.sent, **done.figures(), 'executor_lateness_ms': done.lateness_ms}

    def round(self, name: str, start: Start | None, seconds: float) -> Round:
        """The load for so long, beside an executor, into one writer or none."""
        with ExitStack() as stack:
            variables = stack.enter_context(private_environment())
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder)))
            writer = None
            if start is not None:
                writer = stack.enter_context(start(self._rig_name, self.rig, folder, variables))
            arguments = ['--params-file', str(config_directory() / 'executor.yaml')]
            arguments += ['-p', f'command_rate_hz:={_EXECUTOR_HZ}', '-p', 'rig:=sim']
            stack.enter_context(node_process('wam_nodes', 'executor', arguments, variables))
            traffic = stack.enter_context(process('executor_traffic', [], variables))
            loads = self._loads(stack, seconds, 0 if writer is None else 1, variables)
            for each in (traffic, *loads):
                expect(each, 'ready')
            if writer is not None:
                writer.hear()
            for each in loads:
                tell(each, 'quiet')
                expect(each, 'quiet')
            return self._measure(name, seconds, traffic, loads, writer)

    def _measure(
        self,
        name: str,
        seconds: float,
        traffic: 'subprocess.Popen[str]',
        loads: list['subprocess.Popen[str]'],
        writer: Running | None,
    ) -> Round:
        if writer is not None:
            writer.begin()
        tell(traffic, 'begin')
        start_ns = time.time_ns() + round(_LEAD_S * 1e9)
        for each in loads:
            tell(each, str(start_ns))
        check = (lambda: None) if writer is None else writer.check
        progress(f'bench recorder: {name}', seconds + _LEAD_S, check)
        for each in loads:
            expect(each, 'sent')
        states = json.loads(finish(traffic))['states']
        written = None if writer is None else writer.end()
        late_s = max(float(finish(each)) for each in loads)
        return Round(self._sent(seconds), seconds, late_s, _lateness(states), written)

    def _loads(
        self,
        stack: ExitStack,
        seconds: float,
        subscribers: int,
        variables: Mapping[str, str],
    ) -> list['subprocess.Popen[str]']:
        parts = [('camera', [c.topic], c.rate_hz) for c in self.rig.cameras.values()]
        parts.append(('arms', arm_topics(self.rig), _ARM_HZ))
        loads = []
        for kind, topics, rate_hz in parts:
            words = [kind, '--rate-hz', str(rate_hz), '--count', str(round(rate_hz * seconds))]
            words += ['--subscribers', str(subscribers), *topics]
            loads.append(stack.enter_context(process('recorder_load', words, variables)))
        return loads

    def _sent(self, seconds: float) -> int:
        cameras = sum(round(each.rate_hz * seconds) for each in self.rig.cameras.values())
        return cameras + len(arm_topics(self.rig)) * round(_ARM_HZ * seconds)


def _lateness(states: list[Any]) -> dict[str, float]:
    if not states:
        raise WamError('/executor_state: nothing came in all that time')
    return percentiles([state[1] for state in states])
