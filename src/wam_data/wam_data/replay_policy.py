"""The policy ``replay``: sends what a recorded episode sent to the arms, again."""

from pathlib import Path
from typing import Final

import numpy as np

from wam_core.errors import WamError
from wam_core.joints import DIM, Vector
from wam_core.policy import (
    InferenceRequest,
    Matrix,
    Observation,
    PolicyConfig,
    PolicySpec,
    Prediction,
)
from wam_data.reader import EpisodeReader

TOPIC: Final = '/applied_action'
_HELD: Final = ('hold', '')


class ReplayPolicy:
    """Rows of AppliedAction.limited: what reached the arms, so that limits don't act twice.

    The recording is resampled to the grid of ``spec.dt_ns``, from the first to the last tick that
    followed a source; ticks between chunks, when the executor held, are part of it. Behind its end
    the last row is held.
    """

    spec: PolicySpec

    def __init__(self, config: PolicyConfig) -> None:
        """Reads the episode of option ``episode``. Raises WamError naming it where it is bad."""
        self.spec = config.spec
        unknown = sorted(set(config.options) - {'episode'})
        if unknown:
            raise WamError(
                f"policy {config.spec.name}: unknown option {unknown[0]!r}, expected 'episode'"
            )
        episode = config.options.get('episode', '')
        if not isinstance(episode, str) or not episode:
            raise WamError(
                f'policy {config.spec.name}: option episode = {episode!r}, expected the directory '
                'of a recorded episode (its key in config/policies, or --episode)'
            )
        self._rows = read_actions(Path(episode), config.spec.dt_ns)
        self._phase_ns = 0
        self._t_obs_ns: int | None = None

    def reset(self, task: str) -> None:
        """Starts from the first row again. task: is not looked at: the actions are fixed."""
        self._phase_ns = 0
        self._t_obs_ns = None

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The rows that follow, (horizon, 14).

        The phase in the recording moves with the observations' stamps, and never by more than one
        horizon: a run that waits between its chunks doesn't lose rows.
        """
        if self._t_obs_ns is not None:
            passed_ns = max(0, observation.stamp_ns - self._t_obs_ns)
            self._phase_ns += min(passed_ns, self.spec.horizon * self.spec.dt_ns)
        self._t_obs_ns = observation.stamp_ns
        return Prediction(self._sample(self._phase_ns))

    def _sample(self, phase_ns: int) -> Matrix:
        """Rows at phase + k dt, linear between those of the recording."""
        at = phase_ns / self.spec.dt_ns + np.arange(self.spec.horizon, dtype=np.float64)
        return _interpolate(at, np.arange(len(self._rows), dtype=np.float64), self._rows)


def read_actions(episode: Path, dt_ns: int) -> Matrix:
    """(N, 14) actions of an episode, every ``dt_ns`` from the first tick that followed a source.

    Raises WamError naming the episode where it can't be read or moved no arm.
    """
    stamps: list[int] = []
    rows: list[Vector] = []
    first = last = -1
    with EpisodeReader(episode) as reader:
        for message in reader.messages([TOPIC]):
            fields = message.fields()
            if fields.source not in _HELD:
                first = len(rows) if first < 0 else first
                last = len(rows)
            stamps.append(message.publish_time_ns)
            rows.append(np.asarray(fields.limited, np.float64))
    if first < 0:
        raise WamError(f'{episode}: {TOPIC} has no tick that followed a source: nothing to replay')
    actions = np.array(rows[first : last + 1]).reshape(-1, DIM)
    if not np.all(np.isfinite(actions)):
        raise WamError(f'{episode}: {TOPIC} has rows that are not finite')
    times = np.array(stamps[first : last + 1], np.int64)
    at = np.arange(0, times[-1] - times[0] + 1, dt_ns, dtype=np.float64)
    return _interpolate(at, (times - times[0]).astype(np.float64), actions)


def _interpolate(at: Vector, times: Vector, rows: Matrix) -> Matrix:
    """Each column at ``at``; outside of ``times``, which must not decrease, the nearest row."""
    return np.stack([np.interp(at, times, column) for column in rows.T], axis=1)
