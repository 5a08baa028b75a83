"""``wam bench transport``: images from cameras in other processes through camera_sync to a policy.

Runs in a ROS domain of its own, so that it neither disturbs nor hears a stack that is running.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import IO

import domain_coordinator  # type: ignore[import-untyped]
import numpy as np
import psutil
from ament_index_python.packages import get_package_prefix
from rich.console import Console
from rich.progress import Progress

from wam_bringup import environment
from wam_bringup.config import load_policy, load_rig
from wam_core.errors import WamError

_LEAD_NS = 1_000_000_000  # from the last `ready` to the first image
_DRAIN_S = 1.0  # from the last acknowledgement to the count
_END_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own arguments."""
    parser.add_argument('--rig', default='sim', help='whose cameras to play (default: sim)')
    parser.add_argument('--policy', default='scripted', help='whose cameras and image size to use')
    parser.add_argument('--rate-hz', type=float, default=30.0, help='per camera (default: 30)')
    parser.add_argument('--seconds', type=float, default=10.0, help='of images (default: 10)')


def run(args: argparse.Namespace) -> dict[str, object]:
    """The figures: images ``sent``, ``received`` in sets and ``lost``, and their latency."""
    cameras, rig = load_policy(args.policy).spec.cameras, load_rig(args.rig)
    if missing := [name for name in cameras if name not in rig.cameras]:
        raise WamError(f'rig {rig.name!r} lacks cameras {missing} of policy {args.policy!r}')
    frames = round(args.rate_hz * args.seconds)
    with ExitStack() as stack:
        variables = stack.enter_context(private_environment())
        sync = stack.enter_context(_camera_sync(args, variables))
        policy_input = stack.enter_context(process('policy_input', [], variables))
        sources = [
            stack.enter_context(
                camera_process(rig.cameras[name].topic, frames, args.rate_hz, variables)
            )
            for name in cameras
        ]
        for source in (policy_input, *sources):
            expect(source, 'ready')
        cpu_s = _cpu_s(sync)
        start_cameras(sources)
        _show_progress(args.seconds, sources)
        time.sleep(_DRAIN_S)
        cpu_s = _cpu_s(sync) - cpu_s
        received = json.loads(finish(policy_input))
    return _figures(received, frames, len(cameras), args.rate_hz, cpu_s)


def _figures(
    received: Mapping[str, object], frames: int, cameras: int, rate_hz: float, cpu_s: float
) -> dict[str, object]:
    latency_ms = received['latency_ms']
    assert isinstance(latency_ms, list)
    p50, p99 = np.percentile(latency_ms, [50, 99]) if latency_ms else (None, None)
    sent = frames * cameras
    return {
        'sent': sent,
        'received': len(latency_ms),
        'lost': sent - len(latency_ms),
        'latency_ms': {'p50': p50, 'p99': p99},
        'publishers': cameras,
        'rate_hz': rate_hz,
        'camera_sync_cpu_ms_per_set': cpu_s * 1e3 * cameras / max(len(latency_ms), 1),
        'short_sets': received['short_sets'],
        'camera_sync': received['camera_sync'],
    }


@contextmanager
def private_environment() -> Iterator[dict[str, str]]:
    """The environment of processes in a domain that no one else on this machine uses."""
    with domain_coordinator.domain_id() as domain:
        yield {
            **os.environ,
            **environment.settings(os.environ),
            'ROS_DOMAIN_ID': str(domain),
        }


@contextmanager
def process(
    module: str, arguments: Sequence[str], variables: Mapping[str, str]
) -> Iterator['subprocess.Popen[str]']:
    """A module of this package as a process, ended on leaving."""
    command = [sys.executable, '-m', f'wam_cli.benches.{module}', *arguments]
    with _ended(command, variables, by_input=True) as started:
        yield started


def camera_process(
    topic: str,
    frames: int,
    rate_hz: float,
    variables: Mapping[str, str],
    arguments: Sequence[str] = (),
) -> 'AbstractContextManager[subprocess.Popen[str]]':
    """A camera that publishes ``frames`` images of 480x640x3 after ``start_cameras``."""
    own = ['--topic', topic, '--frames', str(frames), '--rate-hz', str(rate_hz)]
    return process('camera', [*own, *arguments], variables)


def expect(started: 'subprocess.Popen[str]', word: str) -> None:
    """Waits for a line of the process. Raises WamError when another one comes, or its end."""
    line = _stream(started.stdout).readline().strip()
    if line != word:
        raise WamError(f'{started.args!r}: printed {line!r}, expected {word!r}')


def start_cameras(cameras: Sequence['subprocess.Popen[str]']) -> None:
    """Makes cameras that are ready begin at one moment."""
    start_ns = time.time_ns() + _LEAD_NS
    for camera in cameras:
        stdin = _stream(camera.stdin)
        stdin.write(f'{start_ns}\n')
        stdin.flush()


def finish(started: 'subprocess.Popen[str]') -> str:
    """Ends a process by ending its standard input; the rest of what it prints."""
    output, _ = started.communicate(timeout=_END_S)
    return output


@contextmanager
def _camera_sync(
    args: argparse.Namespace, variables: Mapping[str, str]
) -> Iterator['subprocess.Popen[str]']:
    executable = f'{get_package_prefix("wam_nodes")}/lib/wam_nodes/camera_sync'
    parameters = ['-p', f'rig:={args.rig}', '-p', f'policy:={args.policy}']
    command = [executable, '--ros-args', '--log-level', 'fatal', *parameters]
    with _ended(command, variables, by_input=False) as started:
        yield started


@contextmanager
def _ended(
    command: Sequence[str], variables: Mapping[str, str], by_input: bool
) -> Iterator['subprocess.Popen[str]']:
    started = subprocess.Popen(
        command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield started
    finally:
        # In good order where possible: a participant that is killed leaves its shared memory.
        end_input = _stream(started.stdin).close
        for end in (*([end_input] if by_input else []), started.terminate, started.kill):
            end()
            with suppress(subprocess.TimeoutExpired):
                started.wait(_END_S)
                break


def _show_progress(seconds: float, cameras: Sequence['subprocess.Popen[str]']) -> None:
    """A progress bar until the images are due; then waits until all cameras have sent them."""
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task('bench transport', total=seconds + _LEAD_NS / 1e9)
        start = time.monotonic()
        while not progress.finished:
            time.sleep(0.2)
            progress.update(task, completed=time.monotonic() - start)
    for camera in cameras:
        expect(camera, 'sent')


def _cpu_s(started: 'subprocess.Popen[str]') -> float:
    times = psutil.Process(started.pid).cpu_times()
    return times.user + times.system


def _stream(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
