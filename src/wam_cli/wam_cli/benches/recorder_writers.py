"""The writers that ``wam bench recorder`` gives its load to, each as a process."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from wam_bringup.config import config_directory
from wam_cli.benches import peers
from wam_cli.benches.processes import cpu_s, expect, finish, node_process, process, tell
from wam_core.errors import WamError
from wam_core.rig import RigSpec
from wam_data.manifest import read_manifest

_NICE: Final = 5  # as in the graph of a rollout: pictures wait until the control loop is served
_CLOSE_S: Final = 300.0  # some encode their videos at the end
_MB: Final = 1e6


@dataclass(frozen=True)
class Written:
    """What a writer did. messages: of the load, on disk. cpu_s: since it began, to its close."""

    messages: int
    cpu_s: float
    peak_rss_mb: float
    bytes: int
    note: str = ''


@dataclass(frozen=True)
class Running:
    """A writer that has subscribed. hear: returns when it has heard of every topic. begin: what
    comes from now on counts. end: what came of it."""

    hear: Callable[[], None]
    begin: Callable[[], None]
    end: Callable[[], Written]
    check: Callable[[], None]


Start = Callable[[str, RigSpec, Path, Mapping[str, str]], AbstractContextManager[Running]]


@contextmanager
def recorder_node(
    rig_name: str, folder: Path, variables: Mapping[str, str]
) -> Iterator[tuple['subprocess.Popen[str]', 'subprocess.Popen[str]']]:
    """Our node, as ``wam up`` starts it, and the session that starts and stops its episodes."""
    arguments = ['--params-file', str(config_directory() / 'recorder.yaml')]
    arguments += ['-p', f'rig:={rig_name}', '-p', f'root:={folder}', '-p', 'min_free_mb:=0']
    with (
        node_process('wam_nodes', 'recorder', arguments, variables) as node,
        process('recorder_session', [], variables) as session,
    ):
        psutil.Process(node.pid).nice(_NICE)
        yield node, session


@contextmanager
def recorder(
    rig_name: str, rig: RigSpec, folder: Path, variables: Mapping[str, str]
) -> Iterator[Running]:
    """Our node, into an episode."""
    with recorder_node(rig_name, folder, variables) as (node, session):
        before: list[float] = []

        def begin() -> None:
            tell(session, 'begin')
            expect(session, 'ready')
            before.append(cpu_s(node))

        def end() -> Written:
            answer = json.loads(finish(session, _CLOSE_S))
            used_s, peak = cpu_s(node) - before[0], peak_rss_mb(node)
            manifest = read_manifest(Path(answer['episode']))
            written = sum(
                manifest.topics[topic].messages for topic in recorded_topics(rig).values()
            )
            return Written(written, used_s, peak, _size(folder), answer['message'])

        yield Running(
            lambda: expect(session, 'heard'), begin, end, lambda: check(node, 'the recorder')
        )


@contextmanager
def rosbags(
    rig_name: str, rig: RigSpec, folder: Path, variables: Mapping[str, str]
) -> Iterator[Running]:
    """The ``rosbags`` package's writer, MCAP as it writes it: raw images, not compressed."""
    with _peer('recorder_rosbags', rig_name, folder, variables) as running:
        yield running


@contextmanager
def lerobot(
    rig_name: str, rig: RigSpec, folder: Path, variables: Mapping[str, str]
) -> Iterator[Running]:
    """LeRobot's dataset writer, in an environment of its own. Raises WamError without it."""
    python = peers.python()
    with _peer('recorder_lerobot', rig_name, folder, variables, python) as running:
        yield running


WRITERS: Final[Mapping[str, Start]] = {'rosbags': rosbags, 'lerobot': lerobot}


@contextmanager
def _peer(
    module: str,
    rig_name: str,
    folder: Path,
    variables: Mapping[str, str],
    python: Path | None = None,
) -> Iterator[Running]:
    arguments = [rig_name, str(folder / 'out')]
    interpreter = {} if python is None else {'python': python}
    with process(module, arguments, variables, **interpreter) as started:
        psutil.Process(started.pid).nice(_NICE)

        def begin() -> None:
            tell(started, 'begin')
            expect(started, 'begun')

        def end() -> Written:
            answer = json.loads(finish(started, _CLOSE_S))
            return Written(**answer, bytes=_size(folder))

        yield Running(lambda: expect(started, 'heard'), begin, end, lambda: check(started, module))


def arm_topics(rig: RigSpec) -> list[str]:
    """The joint states of all arms."""
    robots = (*rig.followers.values(), *rig.leaders.values())
    return [f'/{robot}/joint_states' for robot in robots]


def recorded_topics(rig: RigSpec) -> dict[str, str]:
    """Each topic of the load and its name in an episode."""
    cameras = {c.topic: f'{c.topic}/compressed' for c in rig.cameras.values()}
    return cameras | {topic: topic for topic in arm_topics(rig)}


def peak_rss_mb(started: 'subprocess.Popen[str]') -> float:
    """The most memory that a running process has had, shared segments included, MB."""
    for line in Path(f'/proc/{started.pid}/status').read_text().splitlines():
        if line.startswith('VmHWM:'):
            return int(line.split()[1]) * 1024 / _MB
    raise WamError(f'/proc/{started.pid}/status has no VmHWM')


def check(started: 'subprocess.Popen[str]', name: str) -> None:
    """Raises WamError when a process has ended."""
    if started.poll() is not None:
        raise WamError(f'{name} ended with exit code {started.returncode}: see its log above')


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file())
