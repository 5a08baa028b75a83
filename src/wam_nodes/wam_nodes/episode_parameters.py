"""The parameters that rollouts and demonstrations have in common."""

from dataclasses import dataclass

from wam_core.options import parameter
from wam_core.rollout import RolloutLimits


@dataclass(frozen=True)
class EpisodeParameters:
    """Times are on the ROS clock unless they say wall."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    service_timeout_s: float = parameter(
        30.0, 'wall time for a service to appear and answer', unit='s', lower=0.1, upper=600.0
    )
    retry_s: float = parameter(
        5.0, 'wall time after which a reset that is not answered is repeated', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip
    recorder_timeout_s: float = parameter(
        10.0, 'wall time for the recorder to hear all that it must record', unit='s',
        lower=0.1, upper=600.0,
    )  # fmt: skip
    recorder_silence_s: float = parameter(
        5.0, 'wall time without a word from the recorder that it records this episode', unit='s',
        lower=2.0, upper=600.0,
    )  # fmt: skip
    clock_timeout_s: float = parameter(
        10.0, 'wall time for which the ROS clock may stand still', unit='s', lower=0.1, upper=600.0
    )
    settle_timeout_s: float = parameter(
        10.0, 'for the arms to be still after the reset', unit='s', lower=0.1, upper=600.0
    )
    settle_s: float = parameter(
        0.2, 'for which they must be still', unit='s', lower=0.0, upper=60.0
    )
    settle_rad_s: float = parameter(
        0.05, 'speed of a joint that counts as still', unit='rad/s', lower=0.001, upper=1.0
    )
    success_hold_s: float = parameter(
        0.5, 'that a simulated episode goes on after its success', unit='s', lower=0.0, upper=60.0
    )
    home_after: bool = parameter(False, 'whether the arms go to the start pose afterwards')
    starvation_timeout_s: float = parameter(
        15.0, 'without anything to follow', unit='s', lower=0.1, upper=600.0
    )
    silence_timeout_s: float = parameter(
        1.0, 'without a word from the executor', unit='s', lower=0.1, upper=60.0
    )

    @property
    def first_timeout_s(self) -> float:
        """From the start of the run until the arms have something to follow."""
        raise NotImplementedError

    def limits(self, time_limit_s: float) -> RolloutLimits:
        """The limits of one episode."""
        return RolloutLimits(
            time_limit_ns=round(time_limit_s * 1e9),
            success_hold_ns=round(self.success_hold_s * 1e9),
            first_chunk_ns=round(self.first_timeout_s * 1e9),
            starvation_ns=round(self.starvation_timeout_s * 1e9),
            silence_ns=round(self.silence_timeout_s * 1e9),
        )
