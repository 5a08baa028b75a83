"""When an arm is asked for its health, what is published, and what is said when nothing comes."""

from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest
from builtin_interfaces.msg import Time
from rclpy.task import Future

from wam_core.errors import WamError
from wam_core.motor_status import HEALTH_REGISTERS
from wam_core.motors import MOTORS
from wam_nodes.motor_health import HealthPolls

LEFT, RIGHT = 'follower_left', 'follower_right'
ROUND = 2 * len(HEALTH_REGISTERS)  # turns in which each of two arms is asked for everything
READING = {
    name: (value,) * len(MOTORS)
    for name, value in zip(HEALTH_REGISTERS, (0, 30, 120), strict=True)
}


class FakeArm:
    """An arm that answers when it is told to. asked: the registers, in order."""

    def __init__(self, robot: str) -> None:
        self.robot = robot
        self.fault = ''
        self.jobs = 0
        self.silences = 0
        self.asked: list[str] = []
        self.activity = 'nothing'
        self._answer: Future | None = None

    @property
    def idle(self) -> bool:
        return not self.fault and self._answer is None

    async def run(self, job: Callable[[Any], Any], what: str) -> Any:
        self.jobs += 1
        motors = SimpleNamespace(try_read=self._read)
        self._answer = Future()
        self.activity = what
        found = job(motors)
        failure = await self._answer
        self._answer = None
        self.activity = 'nothing'
        if failure:
            raise WamError(failure)
        return found

    def answer(self, failure: str = '') -> None:
        if self._answer is not None:
            self._answer.set_result(failure)

    def open(self) -> None:
        """Somebody else runs a job on it."""
        self.jobs += 1

    def _read(self, register: str) -> tuple[int, ...]:
        self.asked.append(register)
        return READING[register]


class Polls:
    """The code under test with two arms, on a clock that stands still between the turns."""

    def __init__(self) -> None:
        self.arms = {robot: FakeArm(robot) for robot in (LEFT, RIGHT)}
        self.published: list[Any] = []
        self.now_s = 100.0
        self._tasks: list[Coroutine[Any, Any, None]] = []
        self._turn_s, self._poll = 0.0, None
        self.polls = HealthPolls(self, list(self.arms.values()), rate_hz=1.0)  # type: ignore[arg-type]

    def create_publisher(self, *_: Any) -> Any:
        return SimpleNamespace(publish=self.published.append)

    def create_timer(self, period_s: float, callback: Any, **_: Any) -> None:
        self._turn_s, self._poll = period_s, callback

    def get_logger(self) -> Any:
        return SimpleNamespace(warning=lambda *_, **__: None, error=lambda *_, **__: None)

    def get_clock(self) -> Any:
        return SimpleNamespace(now=lambda: self)

    @property
    def nanoseconds(self) -> int:
        return round(self.now_s * 1e9)

    def to_msg(self) -> Any:
        return Time(sec=int(self.now_s))

    def turn(self, count: int = 1, *answering: str) -> None:
        """Turns of the timer; those arms answer at once."""
        for _ in range(count):
            self.now_s += self._turn_s
            assert self._poll is not None
            self._tasks.append(self._poll())
            self.step()
            for robot in answering:
                self.answer(robot)

    def answer(self, robot: str, failure: str = '') -> None:
        self.arms[robot].answer(failure)
        self.step()

    def step(self) -> None:
        """As rclpy's executor: resumes every task that isn't over."""
        left = []
        for task in self._tasks:
            try:
                task.send(None)
                left.append(task)
            except StopIteration:
                pass
        self._tasks = left

    def count(self, robot: str) -> int:
        return sum(message.robot == robot for message in self.published)


@pytest.fixture
def polls() -> Polls:
    return Polls()


def test_each_arm_is_asked_for_everything_once_per_period(polls: Polls) -> None:
    polls.turn(3 * ROUND, LEFT, RIGHT)
    assert polls.now_s == pytest.approx(103.0)
    for robot in (LEFT, RIGHT):
        assert polls.arms[robot].asked == [*HEALTH_REGISTERS] * 3
        assert polls.count(robot) == 3
    assert polls.polls.overdue == ()


@pytest.mark.parametrize('turns', range(1, 3 * ROUND))
def test_an_arm_that_answers_slowly_has_health_too(polls: Polls, turns: int) -> None:
    while polls.count(LEFT) < 2:
        assert len(polls.arms[LEFT].asked) <= ROUND, 'all was read, and nothing published'
        polls.turn(turns, RIGHT)
        polls.answer(LEFT)
    assert polls.count(RIGHT) >= 1


def test_a_round_that_an_opening_interrupts_is_not_published(polls: Polls) -> None:
    polls.turn(ROUND - 2, LEFT, RIGHT)
    polls.arms[LEFT].open()
    polls.turn(2, LEFT, RIGHT)
    assert (polls.count(LEFT), polls.count(RIGHT)) == (0, 1)
    polls.turn(ROUND, LEFT, RIGHT)
    assert (polls.count(LEFT), polls.count(RIGHT)) == (1, 2)


def test_an_arm_without_an_answer_or_a_fault_is_named(polls: Polls) -> None:
    polls.turn(5 * ROUND, RIGHT)
    (text,) = polls.polls.overdue
    assert text.startswith('follower_left: no health for 5.0 s, allowed 4')
    assert f'under way: reading {HEALTH_REGISTERS[0]}' in text
    polls.answer(LEFT)
    polls.turn(ROUND, LEFT, RIGHT)
    assert polls.polls.overdue == ()


def test_an_arm_with_a_fault_is_not_overdue_until_long_after_it(polls: Polls) -> None:
    polls.arms[LEFT].fault = 'follower_left: no answer'
    polls.turn(5 * ROUND, RIGHT)
    assert polls.polls.overdue == ()
    polls.arms[LEFT].fault = ''
    polls.turn(ROUND, RIGHT)
    assert polls.polls.overdue == ()
    polls.turn(4 * ROUND, RIGHT)
    assert len(polls.polls.overdue) == 1


def test_a_failed_read_is_followed_by_the_next_one(polls: Polls) -> None:
    polls.turn(2, RIGHT)
    polls.answer(LEFT, 'follower_left: no answer within 10 s')
    assert polls.count(LEFT) == 0
    polls.turn(2 * ROUND, LEFT, RIGHT)
    assert polls.count(LEFT) >= 1


def test_a_clock_that_starts_or_is_set_back_makes_no_arm_overdue(polls: Polls) -> None:
    polls.turn(ROUND, LEFT, RIGHT)
    polls.now_s = 3.0
    assert polls.polls.overdue == ()
    polls.now_s = 6.0
    assert polls.polls.overdue == ()
    polls.now_s = 7.5
    assert len(polls.polls.overdue) == 2
