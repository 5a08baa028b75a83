"""``wam bench splices``: pictures of three splices in each execution mode, as SVG files.

An episode of the scripted expert behind a latency, with chunks that disagree (see
``wam_sim.disagreement``): the arm joints that move most, their positions and velocities as the
plan asked for them, as they went to the arms after all limits, and as they were measured.
"""

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from wam_cli.benches.chart import Chart, Line, Panel, Values, render
from wam_cli.benches.rollout_figures import PERIOD_NS
from wam_cli.benches.rollout_trials import OURS, Trial, run_ours
from wam_cli.usage import UsageError
from wam_core.errors import WamError
from wam_core.executor_config import MODES
from wam_core.joints import ARMS, JOINT_NAMES
from wam_sim.disagreement import Disagreement
from wam_sim.lockstep import Trace

_SPLICES: Final = 3
_AROUND_S: Final = 0.8  # shown before the first splice and after the last
_JOINTS: Final = 3
_DT_S: Final = PERIOD_NS / 1e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own arguments."""
    parser.add_argument('--out', type=Path, required=True, help='folder for <mode>.svg; is made')
    parser.add_argument(
        '--mode', default=','.join(MODES), help='comma-separated (default: %(default)s)'
    )
    parser.add_argument(
        '--latency', type=float, default=0.5, help='s, of the policy (default: %(default)s)'
    )
    parser.add_argument(
        '--disagreement',
        type=float,
        default=Disagreement.amplitude_rad,
        help='rad, standard deviation of the offset of a chunk (default: %(default)s)',
    )
    parser.add_argument('--task', default='transfer_cube', help='(default: %(default)s)')
    parser.add_argument('--seed', type=int, default=0, help='(default: %(default)s)')


def run(args: argparse.Namespace) -> dict[str, object]:
    """Writes the pictures and says which. Raises UsageError for a mode that there is not."""
    modes = [word.strip() for word in args.mode.split(',')]
    unknown = sorted(set(modes) - set(MODES))
    if unknown:
        raise UsageError(f'--mode {unknown[0]!r}, allowed: {", ".join(MODES)}')
    args.out.mkdir(parents=True, exist_ok=True)
    files = []
    for mode in modes:
        trial = Trial(OURS, mode, args.latency, args.disagreement, args.task, args.seed)
        path = args.out / f'{mode}.svg'
        path.write_text(picture(trial, run_ours(trial).result.trace), encoding='utf-8')
        files.append(str(path))
    return {'files': files}


def picture(trial: Trial, trace: Trace) -> str:
    """SVG of the second to the fourth chunk's splices. WamError for an episode with fewer."""
    newest = np.maximum.accumulate(trace.request_id)  # also while nothing is followed
    splices = np.flatnonzero(np.diff(newest, prepend=0))[1 : 1 + _SPLICES]
    if len(splices) < _SPLICES:
        raise WamError(
            f'mode {trial.mode!r}: the episode has {len(splices)} splices, expected {_SPLICES}'
        )
    around = round(_AROUND_S / _DT_S)
    shown = slice(max(int(splices[0]) - around, 1), int(splices[-1]) + around + 1)
    times = (trace.time_ns - trace.time_ns[0]) / 1e9
    joints = _busiest(trace.limited[shown])
    chart = Chart(
        title=f'{trial.mode}: three splices',
        subtitle=(
            f'{trial.task}, inference takes {trial.latency_s:g} s, '
            f'chunks disagree by {trial.disagreement_rad:g} rad (standard deviation)'
        ),
        panels=[_panels(trace, shown, joint) for joint in joints],
        times=times[shown],
        marks=[(float(times[tick]), f'chunk {trace.request_id[tick]}') for tick in splices],
        bands=_waiting(trace, shown, times),
        band_name='nothing to follow',
    )
    return render(chart)


def _busiest(commands: Values) -> list[int]:
    """The arm joints that go furthest, in the order of the 14-vector."""
    way = np.abs(np.diff(commands, axis=0)).sum(axis=0)
    return sorted(sorted(ARMS.tolist(), key=lambda joint: -float(way[joint]))[:_JOINTS])


def _panels(trace: Trace, shown: slice, joint: int) -> list[Panel]:
    name = JOINT_NAMES[joint].replace('_', ' ')
    # The first is wide and pale: where the limits change nothing, the second lies upon it.
    curves = (
        ('asked for by the plan', '#f0883e80', trace.requested, 6.0),
        ('sent, after all limits', '#388bfd', trace.limited, 2.0),
        ('measured', '#3fb950', trace.measured, 1.5),
    )
    positions, velocities = [], []
    for label, colour, values, width in curves:
        rate = np.gradient(values[:, joint], _DT_S)
        positions.append(Line(label, colour, values[shown, joint], width))
        velocities.append(Line(label, colour, rate[shown], width))
    return [
        Panel(name, 'position in rad', positions),
        Panel(f'{name}, velocity', 'velocity in rad/s', velocities),
    ]


def _waiting(trace: Trace, shown: slice, times: Values) -> list[tuple[float, float]]:
    """Spans in which no row was due, from the tick before to the tick after, s."""
    idle = np.r_[False, trace.row[shown] < 0.0, False]
    edges = np.flatnonzero(np.diff(idle.astype(int)))
    inside = times[shown]
    last = len(inside) - 1
    return [
        (float(inside[max(begin - 1, 0)]), float(inside[min(end, last)]))
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
    ]
