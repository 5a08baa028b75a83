"""The frozen prefix of a request on the time grid of the observation that answers it."""

import numpy as np

from wam_core.errors import WamError
from wam_core.policy import Matrix


def resample(prefix: Matrix, prefix_start_ns: int, dt_ns: int, t_obs_ns: int, rows: int) -> Matrix:
    """(P', 14) rows of the frozen plan due at ``t_obs_ns + k * dt_ns``, k = 0 .. P'-1.

    prefix: (P, 14), row 0 due at ``prefix_start_ns``, rows ``dt_ns`` > 0 apart, linear between
    them. P' is as many as the prefix covers, at most ``rows``. Nothing is extrapolated: P' = 0
    where the observation is from before the prefix or from after its last row. A policy that
    conditions on the prefix puts these rows first and answers with ``prefix_rows`` = P'.
    Raises WamError for ``dt_ns`` <= 0.
    """
    if dt_ns <= 0:
        raise WamError(f'prefix: dt_ns = {dt_ns}, allowed above 0')
    first, rest_ns = divmod(t_obs_ns - prefix_start_ns, dt_ns)
    # Between two rows the last one that can be given needs the row after it.
    covered = len(prefix) - first - (1 if rest_ns else 0)
    count = max(0, min(covered, rows)) if first >= 0 else 0
    here = prefix[first : first + count] if count else prefix[:0]
    if rest_ns == 0 or count == 0:
        return np.array(here, dtype=np.float64)
    part = rest_ns / dt_ns
    resampled: Matrix = here + part * (prefix[first + 1 : first + 1 + count] - here)
    return resampled
