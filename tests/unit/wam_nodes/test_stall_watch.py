"""A camera that stalled, and a process that was not run: which is which."""

import pytest

from wam_nodes.stall_watch import StallWatch

CHECK = 8
LATE = 33


class Watched:
    """Two cameras that are checked on time unless said otherwise."""

    def __init__(self) -> None:
        self.watch = StallWatch(LATE)
        self.received = {'high': 10, 'left': 10}
        self.now = 1000

    def check(self, *overdue: str, after: int = CHECK) -> tuple[str, ...]:
        self.now += after
        return self.watch.check(overdue, self.received, self.now)


def test_a_camera_that_is_overdue_and_brings_nothing_stalled() -> None:
    watched = Watched()
    assert watched.check() == ()
    assert watched.check('high') == ()
    assert watched.check('high') == ()
    assert watched.check('high') == ('high',)
    assert watched.check() == ()


def test_images_that_are_taken_from_a_queue_are_no_stall() -> None:
    watched = Watched()
    watched.check()
    assert watched.check('high', 'left', after=300) == ()
    for _ in range(20):
        watched.received['high'] += 1
        watched.received['left'] += 1
        assert watched.check('high', 'left') == ()


def test_the_camera_without_images_is_named_while_the_others_catch_up() -> None:
    watched = Watched()
    watched.check()
    found = [watched.check('high', 'left', after=300)]
    for _ in range(3):
        watched.received['left'] += 1
        found.append(watched.check('high', 'left'))
    assert found == [(), (), ('high',), ('high',)]


@pytest.mark.parametrize('times', [1, 5])
def test_checks_that_come_late_prove_nothing(times: int) -> None:
    watched = Watched()
    watched.check()
    for _ in range(times):
        assert watched.check('high', after=LATE + 1) == ()
    assert watched.check('high') == ()
    assert watched.check('high') == ('high',)


def test_late_images_are_no_all_clear() -> None:
    watched = Watched()
    for _ in range(3):
        watched.check('high')
    watched.received['high'] += 1
    assert watched.check('high') == ('high',)
    assert watched.check('high', after=300) == ('high',)
    assert watched.check() == ()
    assert watched.check('high') == ()
