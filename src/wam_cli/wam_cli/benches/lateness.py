"""How late the ticks of a loop were, and how far it drifted, in figures."""

from collections.abc import Sequence

import numpy as np

_ENDS = 25  # ticks whose median is where a run begins and where it ends


def figures(
    lateness_ms: Sequence[float], drift_ms: float, missed: int, cpu_share: float
) -> dict[str, object]:
    """One loop's part of the report. cpu_share: of one processor."""
    return {
        'lateness_ms': percentiles(lateness_ms),
        'drift_ms': drift_ms,
        'missed_ticks': missed,
        'cpu_share': cpu_share,
    }


def percentiles(lateness_ms: Sequence[float]) -> dict[str, float]:
    """p50, p99, p99_9 and max, ms."""
    p50, p99, p99_9, most = np.percentile(lateness_ms, [50, 99, 99.9, 100]).tolist()
    return {'p50': p50, 'p99': p99, 'p99_9': p99_9, 'max': most}


def behind_ms(times_ns: Sequence[int], slots: Sequence[int], period_ns: int) -> list[float]:
    """How far each tick is behind a grid that the first one begins. slots: their places there."""
    return [
        (at - times_ns[0] - (slot - slots[0]) * period_ns) / 1e6
        for at, slot in zip(times_ns, slots, strict=True)
    ]


def drift_ms(behind: Sequence[float]) -> float:
    """How much further behind the end is than the beginning: medians of a second at 25 Hz."""
    count = max(1, min(_ENDS, len(behind) // 2))
    return float(np.median(behind[-count:]) - np.median(behind[:count]))


def lost_periods(behind: Sequence[float], period_ns: int) -> int:
    """Whole periods that the run took longer than its ticks should have."""
    return max(0, int((behind[-1] * 1e6 + period_ns / 4) // period_ns))


def slots_of_timer(times_ns: Sequence[int], period_ns: int) -> list[int]:
    """The slots of a timer that skips those it missed. A tick may be a quarter period early."""
    slots: list[int] = []
    for at in times_ns:
        slot = (at - times_ns[0] + period_ns // 4) // period_ns
        slots.append(max(slot, slots[-1] + 1) if slots else slot)
    return slots
