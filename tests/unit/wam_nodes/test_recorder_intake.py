"""What the recorder's intake hands on, and when."""

from collections import deque
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from wam_nodes import recorder_intake
from wam_nodes.recorder_intake import Intake, Taken

TOPICS = ('/a', '/b', '/c')


class Middleware:
    """Three topics on which a message comes each time that one has been emptied."""

    def __init__(self) -> None:
        self.now_ns = 1000
        self.tells_time = True
        self.queues: dict[str, deque[tuple[bytes, int]]] = {topic: deque() for topic in TOPICS}

    def come(self) -> None:
        self.now_ns += 10
        for topic, queue in self.queues.items():
            queue.append((f'{topic} {self.now_ns}'.encode(), self.now_ns))

    def take(self, topic: str) -> Iterator[tuple[bytes, Any]]:
        while self.queues[topic]:
            data, at_ns = self.queues[topic].popleft()
            yield data, {'received_timestamp': at_ns if self.tells_time else 0}
        self.come()


@pytest.fixture
def middleware(monkeypatch: pytest.MonkeyPatch) -> Middleware:
    made = Middleware()

    def subscription(_node: Any, _kind: Any, source: str, _qos: Any, raw: bool) -> Any:
        assert raw
        return SimpleNamespace(take=lambda: made.take(source))

    monkeypatch.setattr(recorder_intake, 'Unattended', subscription)
    monkeypatch.setattr(recorder_intake, 'time', SimpleNamespace(time_ns=lambda: made.now_ns + 1))
    return made


@pytest.fixture
def intake(middleware: Middleware) -> Iterator[tuple[Intake, list[str]]]:
    received: list[str] = []

    def receive(batch: Sequence[Taken]) -> None:
        received.extend(each.data.decode() for each in batch)

    clock = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=middleware.now_ns))
    node: Any = SimpleNamespace(
        get_clock=lambda: clock, get_parameter=lambda _: SimpleNamespace(value=False)
    )
    taps: Any = [SimpleNamespace(source=topic, kind=None, qos=None) for topic in TOPICS]
    made = Intake(node, taps, receive, lambda: False)
    yield made, received
    made.close()


def test_what_comes_while_the_queues_are_emptied_is_kept(
    middleware: Middleware, intake: tuple[Intake, list[str]]
) -> None:
    made, received = intake
    middleware.come()
    middleware.come()
    made.skip()
    before = [f'{topic} {at}' for at in (1010, 1020) for topic in TOPICS]
    assert received == before
    received.clear()
    made.take()
    # /b and /c were emptied after more had come on them: none of it is lost.
    for topic in TOPICS:
        stamps = [text for text in received if text.startswith(topic)]
        assert stamps[:2] == [f'{topic} 1030', f'{topic} 1040'], received
    assert received == sorted(received, key=lambda text: int(text.split()[1]))


def test_what_was_kept_may_be_skipped(
    middleware: Middleware, intake: tuple[Intake, list[str]]
) -> None:
    made, received = intake
    made.skip()
    received.clear()
    made.skip()
    assert '/c 1010' in received
    received.clear()
    made.take()
    assert '/c 1010' not in received


def test_a_middleware_that_does_not_tell_when(
    middleware: Middleware, intake: tuple[Intake, list[str]]
) -> None:
    made, received = intake
    middleware.tells_time = False
    middleware.come()
    made.skip()
    assert '/c 1030' in received
