import pytest

from wam_nodes.camera_statistics import Rate, Samples

S = 1_000_000_000


def test_rate_of_steady_events() -> None:
    rate = Rate()
    for number in range(100):
        rate.add(5 * S + number * S // 30)
    now_ns = 5 * S + 99 * S // 30
    assert rate.hz(now_ns) == pytest.approx(30.0, abs=0.01)
    assert rate.hz(now_ns + 3 * S) == 0.0


def test_rate_needs_two_events() -> None:
    rate = Rate()
    assert rate.hz(0) == 0.0
    rate.add(S)
    rate.add(S)
    assert rate.hz(S) == 0.0


def test_rate_survives_a_clock_that_is_set_back() -> None:
    rate = Rate()
    for number in range(60):
        rate.add(100 * S + number * S // 30)
    for number in range(60):
        rate.add(number * S // 30)
    assert rate.hz(2 * S) == pytest.approx(30.0, abs=0.01)


def test_samples_forget_the_oldest() -> None:
    samples = Samples()
    assert (samples.p50(), samples.max()) == (0.0, 0.0)
    samples.add(1e9)
    for _ in range(1000):
        samples.add(2.0)
    samples.add(3.0)
    assert (samples.p50(), samples.max()) == (2.0, 3.0)
