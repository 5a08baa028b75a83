"""``wam bench rollout``: how executors cope with slow inference, in simulated episodes.

Each trial is an episode of the scripted expert behind an artificial latency, in lockstep: policy,
executor and simulated rig take turns, and nothing depends on this machine's speed. `wam` is this
stack's executor in the modes asked for. Beside it, on the same rig and with the same policy,
openpi-client's ActionChunkBroker (the whole chunk, then it blocks) and LeRobot's asynchronous
client with two of its aggregate functions (see ``rollout_clients``); ``make peers`` installs
them. Every setting runs twice: with chunks that are pieces of one plan, and with chunks that
disagree by a random smooth offset of their own (see ``wam_sim.disagreement``).

expert_max_step_rad: largest change of an arm joint from one row to the next of the expert's plans
for these seeds, as made with no latency: no executor, no splice. disagreement_rad: standard
deviation of the offsets. ``rows``, one per executor, mode, latency and disagreement, over its
trials; of the arm joints, as commanded after all limits at 25 Hz:

- still_share: of the ticks between the first motion and the last of the plan's, the share on
  which the command stands still (below 0.1 mrad) although the plan, executed in real time, would
  be moving (more than 1 mrad a tick). The expert pauses by itself; ``rollout_figures.standing``
  says how that is kept apart from waiting.
- max_command_step_rad: largest change from one command to the next. max_splice_step_rad: the same
  within 1 s after another chunk took over, which is longer than a splice takes.
  chunk_max_step_rad: the same from row to row inside any chunk that the policy gave, disagreement
  included: what no splice should exceed.
- peak_velocity, peak_acceleration, peak_jerk: rad/s, rad/s2, rad/s3, largest finite differences.
- tracking_rms_rad: of each command less the position measured one period after it.
- finish_s: from the first request to the task's success, mean of the successful trials.
- successes of trials.
"""

import argparse
import multiprocessing
import signal
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from wam_cli.benches import peers
from wam_cli.benches.rollout_figures import Figures, row
from wam_cli.benches.rollout_trials import OURS, PEERS, Trial, enter, expert_step, run_trial
from wam_cli.usage import UsageError
from wam_core.executor_config import MODES
from wam_sim.disagreement import Disagreement

_PROCESSES: Final = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the benchmark's own arguments."""
    parser.add_argument(
        '--latency',
        default='0.1,0.3,0.5,0.95,1.5',
        help='s, comma-separated (default: %(default)s)',
    )
    parser.add_argument(
        '--mode', default=','.join(MODES), help='comma-separated (default: %(default)s)'
    )
    parser.add_argument('--task', default='transfer_cube', help='(default: %(default)s)')
    parser.add_argument(
        '--trials', type=int, default=5, help='seeds of each setting (default: %(default)s)'
    )
    parser.add_argument(
        '--disagreement',
        type=float,
        default=Disagreement.amplitude_rad,
        help='rad, standard deviation of the second setting (default: %(default)s)',
    )
    parser.add_argument(
        '--no-peers', action='store_true', help='measure ours alone; needs no `make peers`'
    )
    parser.add_argument(
        '--processes', type=int, default=_PROCESSES, help='at a time (default: %(default)s)'
    )


def run(args: argparse.Namespace) -> dict[str, object]:
    """The figures. Raises UsageError for wrong lists, WamError without the peers' packages."""
    settings = _settings(args)
    trials = [
        Trial(executor, mode, latency_s, rad, args.task, seed)
        for executor, mode, latency_s, rad in settings
        for seed in range(args.trials)
    ]
    interpreter = sys.executable if args.no_peers else str(peers.python())
    found: dict[tuple[str, str, float, float], list[Figures]] = defaultdict(list)
    steps = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task('bench rollout', total=len(trials) + args.trials)
        jobs = [*((expert_step, (args.task, seed)) for seed in range(args.trials))]
        work: list[Any] = [*jobs, *((run_trial, (trial,)) for trial in trials)]
        for index, result in _all_done(work, interpreter, args.processes):
            progress.advance(bar)
            if index < args.trials:
                steps.append(result)
            else:
                trial = trials[index - args.trials]
                key = trial.executor, trial.mode, trial.latency_s, trial.disagreement_rad
                found[key].append(result)
    return {
        'task': args.task,
        'disagreement_rad': args.disagreement,
        'expert_max_step_rad': max(steps),
        'rows': [
            {
                'executor': executor,
                'mode': mode,
                'latency_s': latency_s,
                'disagreement': rad > 0.0,
                **row(found[executor, mode, latency_s, rad]),
            }
            for executor, mode, latency_s, rad in settings
        ],
    }


def _settings(args: argparse.Namespace) -> list[tuple[str, str, float, float]]:
    """Executor, mode, latency in s, disagreement in rad: in the order of the rows."""
    modes = [word.strip() for word in args.mode.split(',')]
    unknown = sorted(set(modes) - set(MODES))
    if unknown:
        raise UsageError(f'--mode {unknown[0]!r}, allowed: {", ".join(MODES)}')
    executors = [(OURS, mode) for mode in modes]
    if not args.no_peers:
        executors += PEERS.items()
    for name, value, allowed in (
        ('--trials', args.trials, args.trials > 0),
        ('--processes', args.processes, args.processes > 0),
        ('--disagreement', args.disagreement, 0.0 < args.disagreement <= 0.2),
    ):
        if not allowed:
            raise UsageError(f'{name} {value}, allowed above 0 (disagreement: up to 0.2 rad)')
    return [
        (executor, mode, latency_s, rad)
        for latency_s, rad, (executor, mode) in product(
            _latencies(args.latency), (0.0, args.disagreement), executors
        )
    ]


def _latencies(text: str) -> list[float]:
    try:
        latencies = [float(word) for word in text.split(',')]
    except ValueError as error:
        raise UsageError(f'--latency {text!r}: {error}') from error
    if not all(0.0 <= latency_s <= 10.0 for latency_s in latencies):
        raise UsageError(f'--latency {text!r}, allowed 0 to 10 s')
    return latencies


def _all_done(work: list[Any], interpreter: str, processes: int) -> Iterator[tuple[int, Any]]:
    """Index and result of every (function, arguments), as they come; an exception ends all."""
    context = multiprocessing.get_context('spawn')
    context.set_executable(interpreter)
    # Leaving the pool, on Ctrl-C too, ends its processes.
    with context.Pool(processes, _enter) as pool:
        yield from pool.imap_unordered(_numbered, list(enumerate(work)))


def _enter() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's business
    enter()


def _numbered(job: tuple[int, Any]) -> tuple[int, Any]:
    index, (function, arguments) = job
    return index, function(*arguments)
