"""The executor's parameters, config/executor.yaml, and the core's configuration of them."""

from dataclasses import dataclass, fields
from typing import Any

from wam_core.executor_config import MODES, ExecutorConfig
from wam_core.options import parameter
from wam_core.watchdog import ACTIONS, Watch, WatchdogConfig

_SECONDS = {'unit': 's', 'lower': 0.01, 'upper': 600.0}


def _limit(name: str, description: str, **rule: Any) -> Any:
    watch: Watch = getattr(WatchdogConfig, name)
    return parameter(watch.limit, f'watchdog: {description}', **rule)


def _action(name: str) -> Any:
    watch: Watch = getattr(WatchdogConfig, name)
    return parameter(watch.action, 'what happens past that', allowed=ACTIONS)


@dataclass(frozen=True)
class Parameters:
    """Times are on the ROS clock."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    command_rate_hz: float = parameter(25.0, 'commands', unit='Hz', lower=1.0, upper=200.0)
    mode: str = parameter('async', 'execution mode of a run that names none', allowed=MODES)
    speed_scale: float = parameter(
        1.0, "of the rig's limits of velocity, acceleration and jerk", lower=0.01, upper=1.0
    )
    homing_share: float = parameter(
        0.2, 'of these limits, for slews to the start and sleep poses', lower=0.01, upper=1.0
    )
    splice_s: float = parameter(
        0.4, 'least time over which the offset between two plans fades', unit='s', lower=0.0,
        upper=3.0,
    )  # fmt: skip
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
        0.1, 'how far a chunk or a target may be ahead of the clock', unit='s', lower=0.0,
        upper=5.0,
    )  # fmt: skip
    target_timeout_s: float = parameter(
        0.2, 'age at which a target of teleop or replay is none', unit='s', lower=0.02, upper=5.0
    )
    clock_jump_s: float = parameter(
        0.5, 'between two ticks: a longer time is a jump of the clock', unit='s',
        lower=0.05, upper=60.0,
    )  # fmt: skip
    resync_rad: float = parameter(
        0.15, 'from its last command: an arm further away was moved by somebody', unit='rad',
        lower=0.0, upper=3.0,
    )  # fmt: skip
    realtime_priority: int = parameter(
        60, 'of the process under SCHED_FIFO, where that is permitted; 0: not', lower=0, upper=98
    )
    realtime_cpu: int = parameter(
        -1, 'CPU that the control thread runs on; -1: any', lower=-1, upper=1023
    )
    chunk_age_s: float = _limit(
        'chunk_age_s', "since the newest chunk, while the policy's plan runs", **_SECONDS
    )
    chunk_age_action: str = _action('chunk_age_s')
    observation_age_s: float = _limit(
        'observation_age_s', "age of the newest chunk's observation when it was merged", **_SECONDS
    )
    observation_age_action: str = _action('observation_age_s')
    joint_state_age_s: float = _limit(
        'joint_state_age_s', "age of each follower's joint states", **_SECONDS
    )
    joint_state_age_action: str = _action('joint_state_age_s')
    camera_age_s: float = _limit(
        'camera_age_s', "age of each of the policy's cameras' newest picture", **_SECONDS
    )
    camera_age_action: str = _action('camera_age_s')
    tracking_error_rad: float = _limit(
        'tracking_error_rad',
        'of an arm joint from its command',
        unit='rad',
        lower=0.01,
        upper=6.3,
    )
    tracking_error_action: str = _action('tracking_error_rad')
    tick_lateness_ms: float = _limit(
        'tick_lateness_ms', 'of a tick behind its deadline', unit='ms', lower=0.01, upper=1000.0
    )
    tick_lateness_action: str = _action('tick_lateness_ms')
    motor_error_action: str = parameter(
        'stop', 'watchdog: what happens when a motor reports an error', allowed=ACTIONS
    )
    motor_temperature_c: float = _limit(
        'motor_temperature_c', 'of a motor', unit='C', lower=0.0, upper=100.0
    )
    motor_temperature_action: str = _action('motor_temperature_c')
    motor_voltage_v: float = _limit(
        'motor_voltage_v', 'least at a motor', unit='V', lower=0.0, upper=30.0
    )
    motor_voltage_action: str = _action('motor_voltage_v')
    motor_health_age_s: float = _limit(
        'motor_health_age_s', "since an arm's motors were heard of, once they were", **_SECONDS
    )
    motor_health_age_action: str = _action('motor_health_age_s')
    heartbeat_s: float = _limit('heartbeat_s', "since the operator's last heartbeat", **_SECONDS)
    heartbeat_action: str = _action('heartbeat_s')

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
            target_timeout_s=self.target_timeout_s,
            homing_share=self.homing_share,
            watchdogs=self._watchdogs(),
        )

    def _watchdogs(self) -> WatchdogConfig:
        watches = {'motor_error': Watch(0.0, self.motor_error_action)}
        for entry in fields(WatchdogConfig):
            if entry.name != 'motor_error':
                action = f'{entry.name.rpartition("_")[0]}_action'
                watches[entry.name] = Watch(getattr(self, entry.name), getattr(self, action))
        return WatchdogConfig(**watches)
