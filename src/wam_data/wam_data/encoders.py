"""Threads that transform messages while others are taken and written: images become JPEGs."""

import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

from wam_core.errors import WamError

Transform = Callable[[bytes], bytes]
_END: Final = None


class Item:
    """One message on its way to the file.

    data: what is to be written, once ``done``. size: bytes that it takes now. log_ns: ROS time of
    receipt. offered_s: since when it has waited, monotonic clock. fault: why it can't be written;
    empty: it can.
    """

    __slots__ = ('data', 'done', 'fault', 'log_ns', 'offered_s', 'size', 'topic', 'transform')

    def __init__(
        self, topic: str, data: bytes, log_ns: int, transform: Transform | None = None
    ) -> None:
        self.topic = topic
        self.data = data
        self.size = len(data)
        self.log_ns = log_ns
        self.offered_s = time.monotonic()
        self.transform = transform
        self.done = transform is None
        self.fault = ''


class Encoders:
    """resized: is called from their threads with what an item grew by, bytes."""

    def __init__(self, threads: int, resized: Callable[[int], None]) -> None:
        self._resized = resized
        self._work: SimpleQueue[Item | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f'encode{number}') for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def put(self, item: Item) -> None:
        """Never waits."""
        self._work.put(item)

    def close(self) -> None:
        """Ends the threads, after all that was put before."""
        for _ in self._threads:
            self._work.put(_END)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            self._encode(item, item.transform or bytes)

    def _encode(self, item: Item, transform: Transform) -> None:
        item.fault = 'the encoder died of a fault in the recorder'
        try:
            item.data = transform(item.data)
            item.fault = ''
        except WamError as error:
            item.fault = str(error)
        finally:
            grown, item.size = len(item.data) - item.size, len(item.data)
            self._resized(grown)
            item.done = True
