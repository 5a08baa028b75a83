"""Parameters of the simulated rig's nodes; their values: config/sim.yaml."""

from dataclasses import dataclass

from wam_core.options import parameter
from wam_sim.arm_model import VX300S
from wam_sim.modes import MODES


@dataclass(frozen=True)
class SimParameters:
    """Of the node /sim."""

    rig: str = parameter('sim', 'the rig: name in config/rigs, or path of a .yaml file')
    task: str = parameter('transfer_cube', 'task of the first scene: in config/tasks, or a path')
    seed: int = parameter(0, 'of the first scene', lower=0, upper=2**32 - 1)
    leaders: bool = parameter(True, 'whether there are leader arms')
    cameras: tuple[str, ...] = parameter((), "cameras that run; empty: those of the rig's file")
    modes: str = parameter(
        'aloha', 'operating modes of the followers after a reset', allowed=tuple(MODES)
    )
    shadows: bool = parameter(False, 'render shadows and reflections: 3 to 6 times the time')
    samples: int = parameter(0, 'of each pixel, against jagged edges', allowed=(0, 4))
    speed_factor: float = parameter(
        1.0,
        'greatest simulated time per real time; 0: as fast as it can',
        lower=0.0,
        upper=100.0,
        dynamic=True,
    )


@dataclass(frozen=True)
class CameraParameters:
    """Faults of one camera, /<name>/camera."""

    latency_s: float = parameter(
        0.02,
        'from taking a picture to publishing it',
        unit='s',
        lower=0.0,
        upper=10.0,
        dynamic=True,
    )
    jitter_s: float = parameter(
        0.0, 'added to it, evenly distributed', unit='s', lower=0.0, upper=10.0, dynamic=True
    )
    drop: float = parameter(
        0.0, 'probability that a picture is lost', lower=0.0, upper=1.0, dynamic=True
    )
    reorder: float = parameter(
        0.0, 'probability that the next picture overtakes one', lower=0.0, upper=1.0, dynamic=True
    )
    stalled: bool = parameter(False, 'the camera takes no pictures', dynamic=True)
    jpeg_quality: int = parameter(90, 'of the compressed topic', lower=1, upper=100, dynamic=True)


@dataclass(frozen=True)
class ArmParameters:
    """Faults of one arm, /<name>/xs_sdk."""

    latency_s: float = parameter(
        0.0,
        'from reading the joints to publishing them',
        unit='s',
        lower=0.0,
        upper=10.0,
        dynamic=True,
    )
    jitter_s: float = parameter(
        0.0, 'added to it, evenly distributed', unit='s', lower=0.0, upper=10.0, dynamic=True
    )
    drop: float = parameter(
        0.0, 'probability that a joint state is lost', lower=0.0, upper=1.0, dynamic=True
    )
    missed_reads: float = parameter(
        0.0, 'probability that a read fails: old values', lower=0.0, upper=1.0, dynamic=True
    )
    vanished: bool = parameter(
        False, 'off the bus: no joint states, no commands, no answers', dynamic=True
    )
    overload: str = parameter(
        '',
        'setting it drops this motor with an overload error until it is rebooted',
        allowed=('', *VX300S.joint_order),
        dynamic=True,
    )
