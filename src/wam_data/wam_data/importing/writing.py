"""Writes a foreign episode as one of ours."""

import re
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from wam_core.errors import WamError
from wam_data.cdr import compressed_image
from wam_data.definitions import Definitions
from wam_data.frames import COMPRESSED
from wam_data.identity import Identity, Origin
from wam_data.importing.foreign import ForeignEpisode, Picture
from wam_data.importing.messages import (
    APPLIED_ACTION,
    EPISODE_EVENT,
    EXECUTOR_STATE,
    PROPRIOCEPTION,
    TYPES,
    Messages,
)
from wam_data.importing.recorded import Recorded, Stamps, made_up
from wam_data.importing.vectors import Layout
from wam_data.label import stamped
from wam_data.layout import create
from wam_data.manifest import EpisodeManifest
from wam_data.progress import Progress
from wam_data.writer import EpisodeWriter, Topic, close_episode

_ALWAYS_UNKNOWN: Final = ('end_effector', 'executor')
_CAMERA: Final = re.compile(r'[A-Za-z][A-Za-z0-9_]*')
_WORKERS: Final = 2
_AHEAD: Final = 6  # pictures per camera that wait for their turn
_FORM: Final = 'rgb8; jpeg compressed bgr8'  # as image_transport words it


@dataclass(frozen=True)
class Target:
    """root: of our episodes. jpeg_quality: 1 to 100, of pictures that aren't JPEG yet.

    layout: that made the 14 numbers, for the record.
    """

    root: Path
    jpeg_quality: int
    layout: Layout
    definitions: Definitions


def write_episode(
    foreign: ForeignEpisode, identity: Identity, origin: Origin, target: Target, progress: Progress
) -> Path:
    """Returns the directory of the new episode. progress: frames done, and in all.

    Raises WamError where a picture is damaged, a camera's name is none for a topic, or the disk
    fails; then nothing is left.
    """
    period = period_ns(foreign.rate_hz)
    if foreign.recorded is None:
        times = made_up(foreign.length, period, foreign.cameras)
        foreign = replace(foreign, recorded=times)
    topics = _topics(foreign, period)
    start = datetime.now(timezone.utc)
    directory = create(target.root, identity.task_name or identity.task, start)
    origin = replace(origin, unknown=_unknown(foreign, identity))
    manifest = EpisodeManifest(
        identity,
        start.isoformat(timespec='milliseconds'),
        _recorded(foreign).start_ns,
        origin=origin,
    )
    try:
        writer = EpisodeWriter(directory, manifest, topics, definitions=target.definitions)
        try:
            _fill(writer, foreign, identity, target, progress)
            writer.finish()
        finally:
            writer.abandon()  # closes the file, of a finished one too
        return close_episode(directory, _finished(writer, manifest, foreign, start))
    except OSError as error:
        raise WamError(f'{directory}: cannot be written: {error.strerror or error}') from error
    finally:
        shutil.rmtree(directory, ignore_errors=True)  # a finished one has another name by now


def period_ns(rate_hz: float) -> int:
    """Between frames. The same for all, so that an export at this rate finds each of them."""
    return round(1e9 / rate_hz)


def _recorded(foreign: ForeignEpisode) -> Recorded:
    assert foreign.recorded is not None
    return foreign.recorded


def _topics(foreign: ForeignEpisode, period: int) -> list[Topic]:
    # True stamps are of some samples only: nobody knows how often there was one.
    sampled = period if _recorded(foreign).made_up else 0
    periods = {APPLIED_ACTION: period, PROPRIOCEPTION: sampled}
    found = [Topic(name, kind, period_ns=periods.get(name, 0)) for name, kind in TYPES.items()]
    for camera in foreign.cameras:
        if not _CAMERA.fullmatch(camera):
            raise WamError(
                f'camera {camera!r}: expected letters, digits and underscores; a layout file '
                '(--layout) gives it another name'
            )
        found.append(Topic(_topic(camera), COMPRESSED, period_ns=sampled))
    return found


def _topic(camera: str) -> str:
    """As the recorder names a RealSense camera's."""
    return f'/{camera}/camera/color/image_rect_raw/compressed'


def _fill(
    writer: EpisodeWriter,
    foreign: ForeignEpisode,
    identity: Identity,
    target: Target,
    progress: Progress,
) -> None:
    messages = Messages(target.definitions)
    times = _recorded(foreign)
    about = {
        'left_out': foreign.left_out,
        'layout': asdict(target.layout),
        'grippers': dict(zip(('state', 'action'), foreign.grippers, strict=True)),
    }
    text = f'{foreign.length} frames at {foreign.rate_hz:g} Hz'
    first_ns = int(times.stamps_ns[0])
    writer.write(EPISODE_EVENT, messages.event(first_ns, text, about), first_ns)
    with ThreadPoolExecutor(_WORKERS, 'encode') as pool:
        pictures = {
            camera: _encoded(begin(), pool, target.jpeg_quality)
            for camera, begin in foreign.cameras.items()
        }
        for number, stamp in enumerate(times.stamps_ns.tolist()):
            _numbers(writer, messages, foreign, number)
            state = messages.executor_state(stamp, identity.task)
            writer.write(EXECUTOR_STATE, state, stamp)
            for camera, jpegs in pictures.items():
                jpeg, stamps = next(jpegs), times.frame_stamps_ns[camera]
                if _is_new(stamps, number):
                    data = compressed_image(int(stamps[number]), camera, _FORM, jpeg)
                    writer.write(_topic(camera), data, stamp)
            progress(number + 1, foreign.length)


def _numbers(
    writer: EpisodeWriter, messages: Messages, foreign: ForeignEpisode, number: int
) -> None:
    times, state = _recorded(foreign), foreign.state[number]
    velocity, effort = foreign.velocity, foreign.effort
    stamp = int(times.stamps_ns[number])
    if _is_new(times.state_stamps_ns, number):
        measured = messages.proprioception(
            int(times.state_stamps_ns[number]),
            state,
            None if velocity is None else velocity[number],
            None if effort is None else effort[number],
            times.gripper_angle[number],
        )
        writer.write(PROPRIOCEPTION, measured, stamp)
    applied = messages.applied_action(stamp, foreign.action[number], state)
    writer.write(APPLIED_ACTION, applied, stamp)


def _is_new(stamps: Stamps, number: int) -> bool:
    """Whether the sample of a row isn't that of the row before."""
    return number == 0 or bool(stamps[number] != stamps[number - 1])


def _encoded(
    pictures: Iterator[Picture], pool: ThreadPoolExecutor, quality: int
) -> Iterator[bytes]:
    """JPEG files in order; a few of them are made ahead."""
    encode = _encoder(quality)
    waiting: deque[Future[bytes]] = deque()
    for picture in pictures:
        waiting.append(pool.submit(encode, picture))
        if len(waiting) > _AHEAD:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _encoder(quality: int) -> Callable[[Picture], bytes]:
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]

    def encode(picture: Picture) -> bytes:
        if isinstance(picture, bytes):
            return picture
        try:
            done, jpeg = cv2.imencode('.jpg', picture, options)
        except cv2.error as error:
            raise WamError(f'{picture.shape} pixels: JPEG encoding failed: {error}') from error
        if not done:
            raise WamError(f'{picture.shape} pixels: JPEG encoding failed')
        return bytes(jpeg)

    return encode


def _unknown(foreign: ForeignEpisode, identity: Identity) -> tuple[str, ...]:
    times = _recorded(foreign)
    absent: dict[str, Any] = {
        'stamps': None if times.made_up else times,
        'gripper_angle': None if np.isnan(times.gripper_angle).all() else times,
        'velocity': foreign.velocity,
        'effort': foreign.effort,
        'outcome': foreign.outcome,
        'task': identity.task or None,
    }
    names = [name for name, value in absent.items() if value is None]
    return (*_ALWAYS_UNKNOWN, *foreign.unknown, *names)


def _finished(
    writer: EpisodeWriter, manifest: EpisodeManifest, foreign: ForeignEpisode, start: datetime
) -> EpisodeManifest:
    now = datetime.now(timezone.utc)
    period = period_ns(foreign.rate_hz)
    times = _recorded(foreign)
    finished = replace(
        manifest,
        stopped_utc=now.isoformat(timespec='milliseconds'),
        stopped_ns=int(times.stamps_ns[-1]) + period,
        interventions=times.interventions(period),
        wall_s=round((now - start).total_seconds(), 3),
        topics=writer.counters.statistics(),
        complete=True,
    )
    return finished if foreign.outcome is None else finished.labelled(stamped(foreign.outcome))
