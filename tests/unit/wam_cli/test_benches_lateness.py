"""The figures of `wam bench executor`, from loops whose lateness is known."""

import numpy as np
import pytest

from wam_cli.benches.lateness import behind_ms, drift_ms, figures, lost_periods, slots_of_timer

P = 40_000_000


def slipping(count: int, by_ns: int) -> list[int]:
    return [5 + number * (P + by_ns) for number in range(count)]


def test_a_loop_on_the_grid_is_not_behind() -> None:
    behind = behind_ms(slipping(100, 0), range(100), P)
    assert behind == [0.0] * 100
    assert drift_ms(behind) == 0.0
    assert lost_periods(behind, P) == 0


def test_a_loop_that_slips_drifts_and_loses_whole_periods() -> None:
    behind = behind_ms(slipping(1001, 100_000), range(1001), P)
    assert behind[-1] == pytest.approx(100.0)
    assert drift_ms(behind) == pytest.approx(97.6)  # between the medians of 25 at both ends
    assert lost_periods(behind, P) == 2


def test_jitter_is_no_drift() -> None:
    rng = np.random.default_rng(0)
    times = [number * P + int(rng.exponential(1e6)) for number in range(1000)]
    assert abs(drift_ms(behind_ms(times, range(1000), P))) < 1.0


def test_a_timer_that_skips_has_lost_a_period_and_is_on_time_after_it() -> None:
    times = [0, P, 3 * P, 4 * P]
    slots = slots_of_timer(times, P)
    assert slots == [0, 1, 3, 4]
    assert behind_ms(times, slots, P) == [0.0] * 4
    assert lost_periods(behind_ms(times, range(4), P), P) == 1


def test_a_timer_whose_first_tick_was_late_is_early_afterwards() -> None:
    times = [P // 10, P, 2 * P]
    assert slots_of_timer(times, P) == [0, 1, 2]
    assert behind_ms(times, [0, 1, 2], P) == [0.0, -4.0, -4.0]


def test_ticks_in_one_slot_count_as_two() -> None:
    assert slots_of_timer([0, P, P + 1], P) == [0, 1, 2]


def test_figures_have_the_percentiles() -> None:
    result = figures([float(value) for value in range(1001)], 0.5, 2, 0.1)
    assert result == {
        'lateness_ms': pytest.approx({'p50': 500.0, 'p99': 990.0, 'p99_9': 999.0, 'max': 1000.0}),
        'drift_ms': 0.5,
        'missed_ticks': 2,
        'cpu_share': 0.1,
    }
