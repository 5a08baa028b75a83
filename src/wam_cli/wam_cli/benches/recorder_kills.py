"""What a recorder loses that is killed: by SIGKILL, in the middle of an episode."""

import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np

from wam_cli import dead_segments
from wam_cli.benches.processes import expect, private_environment, progress, tell
from wam_cli.benches.recorder_scene import LEAD_S, Played, scene
from wam_cli.benches.recorder_writers import check, recorded_topics, recorder_node
from wam_core.errors import WamError
from wam_core.rig import RigSpec
from wam_data.layout import PARTIAL
from wam_data.reader import EpisodeReader
from wam_data.recover import recover

_LEAST_S: Final = 3.0  # of recording
_STEP_S: Final = 0.618  # of a second: the kills fall on moments of it that are far from each other
_SPARE_S: Final = 5.0  # that the load could go on


@dataclass(frozen=True)
class Loss:
    """On one topic. lost_s: from the newest stamp that is in the recovered episode to the newest
    that was published before the kill. missing: messages before the former that aren't there."""

    lost_s: float
    missing: int


@dataclass(frozen=True)
class Kill:
    """One episode. after_s: of load. lost_s, missing: of the topic that lost most, of all."""

    after_s: float
    lost_s: float
    missing: int
    messages: int
    bytes_lost: int
    chunks_bad: int


def killed(rig_name: str, rig: RigSpec, folder: Path | None, kills: int) -> dict[str, object]:
    """The figures of so many kills. folder: on the disk to write to; None: the temporary one."""
    moments = [round(_LEAST_S + number * _STEP_S % 1, 3) for number in range(kills)]
    found = [
        _kill(rig_name, rig, folder, after_s, f'kill {number} of {kills}')
        for number, after_s in enumerate(moments, 1)
    ]
    dead_segments.sweep(lambda line: print(line, file=sys.stderr))
    p50, most = np.percentile([kill.lost_s for kill in found], [50, 100]).tolist()
    return {
        'kills': kills,
        'lost_s': {'p50': p50, 'max': most},
        'missing': sum(kill.missing for kill in found),
        'recovered': [asdict(kill) for kill in found],
    }


def _kill(rig_name: str, rig: RigSpec, folder: Path | None, after_s: float, name: str) -> Kill:
    with ExitStack() as stack:
        variables = stack.enter_context(private_environment())
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
        node, session = stack.enter_context(recorder_node(rig_name, root, variables))
        play = stack.enter_context(scene(rig, after_s + _SPARE_S, 1, variables))
        play.introduce(lambda: expect(session, 'heard'))
        tell(session, 'begin')
        expect(session, 'ready')
        play.begin()
        progress(f'bench recorder: {name}', LEAD_S + after_s, lambda: check(node, 'the recorder'))
        node.kill()
        at_ns = time.time_ns()
        node.wait()
        session.terminate()  # it would ask the dead one to stop
        played = play.end()
        (partial,) = root.glob(f'*/*{PARTIAL}')
        report = recover(partial)
        losses = _losses(rig, report.episode, played, at_ns)
        return Kill(
            after_s,
            max(loss.lost_s for loss in losses),
            sum(loss.missing for loss in losses),
            report.messages,
            report.bytes_lost,
            report.chunks_bad,
        )


def _losses(rig: RigSpec, episode: Path, played: Iterable[Played], killed_ns: int) -> list[Loss]:
    names = recorded_topics(rig)
    sent = {names[topic]: each.published for each in played for topic in each.part.topics}
    stamps: dict[str, set[int]] = {topic: set() for topic in sent}
    with EpisodeReader(episode) as reader:
        for message in reader.messages([*sent]):
            stamps[message.topic].add(message.publish_time_ns)
    return [loss(published, killed_ns, stamps[topic]) for topic, published in sent.items()]


def loss(published: Iterable[tuple[int, int]], killed_ns: int, recovered: set[int]) -> Loss:
    """published: stamp and time of each message. recovered: stamps that are in the episode."""
    due = [stamp_ns for stamp_ns, at_ns in published if at_ns <= killed_ns]
    if not due:
        raise WamError('nothing was published before the kill: the machine is too slow for this')
    newest_ns = max(recovered.intersection(due), default=None)
    if newest_ns is None:
        return Loss((due[-1] - due[0]) / 1e9, len(due))
    missing = sum(stamp_ns < newest_ns for stamp_ns in due if stamp_ns not in recovered)
    return Loss((due[-1] - newest_ns) / 1e9, missing)
