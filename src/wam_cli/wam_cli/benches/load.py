"""Work for the processor or the disk, until standard input ends: ``python -m …load cpu|io``."""

import os
import sys
import tempfile
import threading

_BLOCK = bytes(1 << 20)
_BLOCKS = 64  # then the file is written anew


def main() -> int:
    """cpu: one process is busy all the time. io: a file in the temporary folder is synced."""
    threading.Thread(target=_end, daemon=True).start()
    if sys.argv[1] == 'cpu':
        while True:
            pass
    with tempfile.TemporaryFile() as file:
        while True:
            file.seek(0)
            for _ in range(_BLOCKS):
                file.write(_BLOCK)
                file.flush()
                os.fsync(file.fileno())


def _end() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == '__main__':
    sys.exit(main())
