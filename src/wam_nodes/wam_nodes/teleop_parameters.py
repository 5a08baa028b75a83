"""The parameters of teleoperation, config/teleop.yaml."""

from dataclasses import dataclass

from wam_core.gesture import GestureConfig
from wam_core.options import parameter


@dataclass(frozen=True)
class Parameters:
    """Times are on the ROS clock unless they say wall."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    target_rate_hz: float = parameter(
        50.0, 'of the targets for the followers', unit='Hz', lower=1.0, upper=200.0
    )
    joint_state_rate_hz: float = parameter(
        100.0, 'at which each leader publishes its joint states', unit='Hz',
        lower=1.0, upper=1000.0,
    )  # fmt: skip
    stale_after_s: float = parameter(
        0.2, 'age at which a leader is stale: the arms rest, and have to be near again to go on',
        unit='s', lower=0.01, upper=10.0,
    )  # fmt: skip
    near_rad: float = parameter(
        0.3, 'of every arm joint from its follower: further away, the arms do not begin to follow',
        unit='rad', lower=0.01, upper=3.2,
    )  # fmt: skip
    gravity_compensation: bool = parameter(
        False, 'whether leaders float (interbotix_gravity_compensation) instead of being limp'
    )
    follow_policy: bool = parameter(
        True, 'whether leaders follow the arms while a policy runs, for a takeover without a jump'
    )
    align_share: float = parameter(
        0.2, "of the rig's limits of motion, for leaders on their way to the followers",
        lower=0.01, upper=1.0,
    )  # fmt: skip
    align_rad: float = parameter(
        0.1, 'of every arm joint from its goal: leaders that are there', unit='rad',
        lower=0.005, upper=1.0,
    )  # fmt: skip
    align_timeout_s: float = parameter(
        30.0, 'for the leaders to be where the followers are', unit='s', lower=1.0, upper=600.0
    )
    close_below: float = parameter(
        0.15, 'opening of a closed gripper, for the gesture that begins', lower=0.0, upper=0.5
    )
    close_s: float = parameter(
        0.5, 'that both grippers must be closed to begin', unit='s', lower=0.05, upper=10.0
    )
    open_above: float = parameter(
        0.9, 'opening of a wide open gripper, for the gesture that ends', lower=0.5, upper=2.0
    )
    open_s: float = parameter(
        2.0, 'that both grippers must be wide open, arms still, to end', unit='s',
        lower=0.05, upper=10.0,
    )  # fmt: skip
    still_rad_s: float = parameter(
        0.3, 'speed of a leader joint that counts as still', unit='rad/s', lower=0.01, upper=3.2
    )
    service_timeout_s: float = parameter(
        10.0, 'wall time for an arm to answer', unit='s', lower=0.5, upper=120.0
    )
    health_rate_hz: float = parameter(
        1.0, "at which the health of each leader's motors is published", unit='Hz',
        lower=0.1, upper=10.0,
    )  # fmt: skip
    retry_s: float = parameter(
        2.0, 'wall time after which a request without an answer is repeated', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip
    clock_timeout_s: float = parameter(
        10.0, 'wall time for which the ROS clock may stand still', unit='s', lower=0.1, upper=600.0
    )

    @property
    def gestures(self) -> GestureConfig:
        """What counts as a gesture."""
        return GestureConfig(
            close_below=self.close_below,
            close_ns=round(self.close_s * 1e9),
            open_above=self.open_above,
            open_ns=round(self.open_s * 1e9),
            still_rad_s=self.still_rad_s,
        )

    @property
    def period_ns(self) -> int:
        """Between two targets."""
        return round(1e9 / self.target_rate_hz)
