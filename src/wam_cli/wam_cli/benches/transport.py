"""``wam bench transport``: images from cameras in other processes through camera_sync to a policy.

Runs in a ROS domain of its own, so that it neither disturbs nor hears a stack that is running.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager

import numpy as np

from wam_bringup.config import load_policy, load_rig
from wam_cli.benches.processes import (
    cpu_s,
    expect,
    finish,
    node_process,
    private_environment,
    process,
    progress,
    tell,
)
from wam_core.errors import WamError

_LEAD_NS = 1_000_000_000  # from the last `ready` to the first image
_DRAIN_S = 1.0  # from the last acknowledgement to the count


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
        used_s = cpu_s(sync)
        start_cameras(sources)
        _show_progress(args.seconds, sources)
        time.sleep(_DRAIN_S)
        used_s = cpu_s(sync) - used_s
        received = json.loads(finish(policy_input))
    return _figures(received, frames, len(cameras), args.rate_hz, used_s)


def _figures(
    received: Mapping[str, object], frames: int, cameras: int, rate_hz: float, used_s: float
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
        'camera_sync_cpu_ms_per_set': used_s * 1e3 * cameras / max(len(latency_ms), 1),
        'short_sets': received['short_sets'],
        'camera_sync': received['camera_sync'],
    }


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


def start_cameras(cameras: Sequence['subprocess.Popen[str]']) -> None:
    """Makes cameras that are ready begin at one moment."""
    start_ns = time.time_ns() + _LEAD_NS
    for camera in cameras:
        tell(camera, str(start_ns))


@contextmanager
def _camera_sync(
    args: argparse.Namespace, variables: Mapping[str, str]
) -> Iterator['subprocess.Popen[str]']:
    parameters = ['-p', f'rig:={args.rig}', '-p', f'policy:={args.policy}']
    arguments = ['--log-level', 'fatal', *parameters]
    with node_process('wam_nodes', 'camera_sync', arguments, variables) as started:
        yield started


def _show_progress(seconds: float, cameras: Sequence['subprocess.Popen[str]']) -> None:
    """A progress bar until the images are due; then waits until all cameras have sent them."""
    progress('bench transport', seconds + _LEAD_NS / 1e9)
    for camera in cameras:
        expect(camera, 'sent')
