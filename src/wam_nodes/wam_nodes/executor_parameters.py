"""The executor's parameters, config/executor.yaml, and the core's configuration of them."""

from dataclasses import dataclass

from wam_bringup.parameters import parameter
from wam_core.executor import MODES, ExecutorConfig


@dataclass(frozen=True)
class Parameters:
    """Times are on the ROS clock."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    command_rate_hz: float = parameter(25.0, 'commands', unit='Hz', lower=1.0, upper=200.0)
    mode: str = parameter('async', 'execution mode of a run that names none', allowed=MODES)
    splice_s: float = parameter(
        0.2, 'time over which the offset between two plans fades', unit='s', lower=0.0, upper=5.0
    )
    request_margin_s: float = parameter(
        0.08, 'added to the estimated latency of the policy', unit='s', lower=0.0, upper=5.0
    )
    request_timeout_s: float = parameter(
        10.0, 'until a request without an answer is given up', unit='s', lower=0.1, upper=600.0
    )
    retry_s: float = parameter(
        0.2, 'between two requests that the policy refuses', unit='s', lower=0.01, upper=10.0
    )
    stale_after_s: float = parameter(
        10.0, 'age of the observation that refuses a chunk', unit='s', lower=0.1, upper=600.0
    )
    future_tolerance_s: float = parameter(
        0.1, 'how far a chunk may be ahead of the clock', unit='s', lower=0.0, upper=5.0
    )
    clock_jump_s: float = parameter(
        0.5, 'between two ticks: a longer time is a jump of the clock', unit='s',
        lower=0.05, upper=60.0,
    )  # fmt: skip
    resync_rad: float = parameter(
        0.15, 'from its last command: an arm further away was moved by somebody', unit='rad',
        lower=0.0, upper=3.0,
    )  # fmt: skip

    def config(self) -> ExecutorConfig:
        """The core's configuration."""
        return ExecutorConfig(
            period_ns=round(1e9 / self.command_rate_hz),
            mode=self.mode,
            splice_s=self.splice_s,
            request_margin_s=self.request_margin_s,
            request_timeout_s=self.request_timeout_s,
            retry_s=self.retry_s,
            stale_after_s=self.stale_after_s,
            future_tolerance_s=self.future_tolerance_s,
            clock_jump_s=self.clock_jump_s,
            resync_rad=self.resync_rad,
        )
