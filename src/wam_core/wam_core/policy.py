"""What goes into a policy and what comes out. The interface itself is ``wam_policy.Policy``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wam_core.joints import Vector
from wam_core.mapping import Section

Image = NDArray[np.uint8]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class PolicySpec:
    """What a policy needs from a rig and what it answers with.

    cameras: names in the order of ``Observation.images``; empty: needs no images.
    image_height, image_width: pixels of each image.
    resampling: name of the filter that resizes camera frames to that size (``camera_sync``).
    horizon: rows of a chunk. dt_ns: nanoseconds between rows.
    privileged: whether it needs ``Observation.objects`` (a simulator's truth).
    normaliser: hash of the statistics that it was trained with; empty: none.
    """

    name: str
    cameras: tuple[str, ...]
    image_height: int
    image_width: int
    resampling: str
    horizon: int
    dt_ns: int
    state_dim: int = 14
    action_dim: int = 14
    privileged: bool = False
    normaliser: str = ''


@dataclass(frozen=True)
class Observation:
    """The newest common moment of cameras and arms.

    stamp_ns: t_obs on the ROS clock. images: (N, height, width, 3) RGB8 in the spec's order.
    position, velocity, effort: (14,) as in ``wam_msgs/Proprioception``.
    objects: name -> (7,) position m and quaternion w x y z in the world frame; simulators only.
    """

    stamp_ns: int
    images: Image
    position: Vector
    velocity: Vector
    effort: Vector
    objects: Mapping[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True)
class InferenceRequest:
    """What the executor asks for.

    prefix: (P, 14) rows that will run before the answer arrives, row 0 due at prefix_start_ns;
    P = 0 without one.
    """

    request_id: int
    task: str
    mode: str
    prefix: Matrix
    prefix_start_ns: int = 0


@dataclass(frozen=True)
class Candidate:
    """One of the action chunks that a planner chose from.

    actions: (horizon, 14) as in ``Prediction``. value: 0..1; None: not judged, for lack of time.
    future_proprioception: (14,) that the planner expects of it, or None.
    """

    actions: Matrix
    value: float | None = None
    future_proprioception: Vector | None = None


@dataclass(frozen=True)
class Prediction:
    """A policy's answer; row k is due at ``observation.stamp_ns + k * spec.dt_ns``.

    actions: (horizon, 14), arm joints rad, grippers 0..1.
    future_proprioception: (14,) or None. value: 0..1 or None.
    candidates: all that a planner compared, ``candidates[chosen]`` being the one of ``actions``;
    empty: nothing was compared.
    note: what people should know about this answer, such as a plan cut short; empty: nothing.
    decode_images: (max(1, candidates), N, H, W, 3) RGB8 of the future, N as ``spec.cameras``;
    None: predicts none. Called at most once, by the thread that called ``infer`` and before the
    next call of the policy, and only when somebody wants to see them. May raise.
    prefix_rows: leading rows that stand for the request's prefix, exactly or nearly; 0: not
    conditioned on it.
    stage_ms: milliseconds of each stage of the inference.
    """

    actions: Matrix
    future_proprioception: Vector | None = None
    value: float | None = None
    candidates: tuple[Candidate, ...] = ()
    chosen: int = 0
    note: str = ''
    decode_images: Callable[[], Image] | None = None
    prefix_rows: int = 0
    stage_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ensembling:
    """Averages overlapping chunks: weight exp(-decay i), i = 0 the oldest. decay: 0..10.

    ACT has 0.01, which all but forgets the order; the larger, the more the oldest counts.
    """

    decay: float


@dataclass(frozen=True)
class PolicyConfig:
    """A policy file, such as config/policies/<name>.yaml, as data.

    entry_point: name in the entry point group ``wam.policies``.
    spec: what the policy states that it needs. options: keys of its own, passed to it.
    ensembling: None: off. source: the file, for messages; empty: none.
    directory: of the file; relative paths in ``options`` start there.
    """

    entry_point: str
    spec: PolicySpec
    options: Mapping[str, object]
    ensembling: Ensembling | None = None
    directory: str = ''
    source: str = ''


def parse_policy(name: str, policy: object, source: str, directory: str = '') -> PolicyConfig:
    """Builds a PolicyConfig from the contents of a policy file, ``source``, in ``directory``.

    Raises WamError with ``source`` and the key for anything missing, unknown or out of range.
    """
    section = Section(policy, source)
    image = section.section('image')
    spec = PolicySpec(
        name=name,
        cameras=section.texts('cameras'),
        image_height=image.integer('height', 1, 4096),
        image_width=image.integer('width', 1, 4096),
        resampling=image.text('resampling'),
        horizon=section.integer('horizon', 1, 1000),
        dt_ns=round(section.number('dt_s', 0.001, 1.0) * 1e9),
        privileged=section.flag('privileged') if 'privileged' in section else False,
    )
    image.close()
    options: Mapping[str, object] = {}
    if 'options' in section:
        options = section.section('options').values()
    ensembling = None
    if 'ensembling' in section:
        wanted = section.section('ensembling')
        ensembling = Ensembling(wanted.number('decay', 0.0, 10.0))
        wanted.close()
    config = PolicyConfig(section.text('policy'), spec, options, ensembling, directory, source)
    section.close()
    return config
