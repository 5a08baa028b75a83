"""One episode that is being recorded: a bounded queue, encoders, and a thread that writes.

``offer`` never waits. When encoding or the disk is too slow, the queue fills and messages are
dropped, counted, and reported at once. When the disk fails or is about to be full, recording ends
in order: what was flushed stays.
"""

import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

from wam_core.errors import WamError
from wam_data.writer import EpisodeWriter

_POLL_S: Final = 0.05  # the writer wakes this often: in batches it costs less than per message
_MB: Final = 1024 * 1024

Transform = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Limits:
    """queue_bytes: that may wait. min_free_bytes: on the disk. flush_s: between syncs to disk."""

    queue_bytes: int = 128 * _MB
    min_free_bytes: int = 500 * _MB
    flush_s: float = 0.5
    encoders: int = 2


@dataclass(frozen=True)
class Status:
    """messages, bytes: written (bytes before compression). queue_bytes: waiting. failure: why
    recording ended by itself; empty while it goes on."""

    messages: int
    bytes: int
    dropped: int
    queue_bytes: int
    failure: str


class _Item(NamedTuple):
    topic: str
    data: 'bytes | Future[bytes]'
    size: int
    log_ns: int


class Recording:
    """``report`` is told of trouble once per kind, from any thread."""

    def __init__(
        self, writer: EpisodeWriter, limits: Limits, report: Callable[[str], None]
    ) -> None:
        self.writer = writer
        self._limits = limits
        self._report = report
        self._queue: deque[_Item] = deque()
        self._lock = threading.Lock()  # of the three counts below
        self._waiting_bytes = 0
        self._dropped: Counter[str] = Counter()
        self._reported: set[str] = set()
        self._written = 0
        self._written_bytes = 0
        self._failure = ''
        self._sealed = False
        self._closing = threading.Event()
        self._encoders = ThreadPoolExecutor(limits.encoders, 'encode')
        self._thread = threading.Thread(target=self._run, name='write')
        self._thread.start()

    def offer(
        self, topic: str, data: bytes, log_ns: int, transform: Transform | None = None
    ) -> bool:
        """Queues one message; False when it was dropped. log_ns: ROS time of receipt.

        transform: applied to the data on an encoder thread, e.g. to make a JPEG of an image.
        """
        size = len(data)
        with self._lock:
            failed = self._failure
            fits = self._waiting_bytes + size <= self._limits.queue_bytes
            if fits and not failed:
                self._waiting_bytes += size
            else:
                self._dropped[topic] += 1
        if failed:
            return False
        if not fits:
            self._say(
                'queue',
                f'messages are being dropped (first on {topic}): the disk or the encoders are too '
                f'slow, {self._limits.queue_bytes / _MB:g} MB are waiting. The episode will be '
                'marked incomplete. Lower jpeg_quality, raise queue_mb or use a faster disk',
            )
            return False
        work = data if transform is None else self._encoders.submit(transform, data)
        self._queue.append(_Item(topic, work, size, log_ns))
        return True

    @property
    def status(self) -> Status:
        """Now."""
        with self._lock:
            dropped, waiting = self._dropped.total(), self._waiting_bytes
        return Status(self._written, self._written_bytes, dropped, waiting, self._failure)

    @property
    def dropped(self) -> Mapping[str, int]:
        """Messages that were offered and not written, per topic."""
        with self._lock:
            return dict(self._dropped)

    @property
    def failure(self) -> str:
        """Why recording ended by itself; empty while it goes on."""
        return self._failure

    def close(self) -> bool:
        """Writes what is waiting and seals the file. False when ``recover`` has to mend it."""
        self._closing.set()
        self._thread.join()
        self._encoders.shutdown()
        self._discard()
        if not self._sealed:
            self.writer.abandon()
        return self._sealed

    def _run(self) -> None:
        """The writing thread."""
        flushed = time.monotonic()
        try:
            while not self._closing.wait(_POLL_S):
                self._drain()
                if time.monotonic() - flushed >= self._limits.flush_s:
                    self.writer.flush()
                    flushed = time.monotonic()
                    if self._short_of_space():
                        break
            self._drain()
            self.writer.finish()
            self._sealed = True
        except OSError as error:
            self._fail(f'the disk failed: {error.strerror} ({self.writer.directory})')
        finally:
            if not self._sealed and not self._failure:
                self._fail('the writing thread died of a fault in the recorder')
            self._discard()

    def _drain(self) -> None:
        while self._queue:
            item = self._queue.popleft()
            try:
                self._write(item)
            finally:
                with self._lock:
                    self._waiting_bytes -= item.size

    def _write(self, item: _Item) -> None:
        try:
            data = item.data if isinstance(item.data, bytes) else item.data.result()
        except WamError as error:
            with self._lock:
                self._dropped[item.topic] += 1
            self._say(item.topic, f'{item.topic}: {error}')
            return
        self.writer.write(item.topic, data, item.log_ns)
        self._written += 1
        self._written_bytes += len(data)

    def _short_of_space(self) -> bool:
        free = shutil.disk_usage(self.writer.directory).free
        if free >= self._limits.min_free_bytes:
            return False
        self._fail(
            f'the disk is nearly full: {free / _MB:.0f} MB free at {self.writer.directory}, '
            f'min_free_mb is {self._limits.min_free_bytes / _MB:.0f}'
        )
        return True

    def _fail(self, text: str) -> None:
        with self._lock:
            self._failure = text
        self._say('failure', f'recording ended: {text}')

    def _discard(self) -> None:
        """Gives back what nobody will write. New messages are refused by now."""
        while self._queue:
            item = self._queue.popleft()
            with self._lock:
                self._waiting_bytes -= item.size
                self._dropped[item.topic] += 1

    def _say(self, kind: str, text: str) -> None:
        if kind not in self._reported:
            self._reported.add(kind)
            self._report(text)
