"""Whether a recording is being written right now: then nobody else may touch it."""

from contextlib import suppress
from pathlib import Path

import psutil

from wam_core.errors import WamError
from wam_data.layout import RECORDING


def check_closed(episode: Path) -> None:
    """Raises WamError naming the process of this machine that has the recording open.

    Processes of other users are seen by root only.
    """
    try:
        wanted = (episode / RECORDING).stat()
    except OSError:
        return  # whoever wants to read it will say so
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):  # it ended meanwhile, or is somebody else's
            for link in Path(f'/proc/{process.pid}/fd').iterdir():
                with suppress(OSError):
                    found = link.stat()
                    if (found.st_ino, found.st_dev) == (wanted.st_ino, wanted.st_dev):
                        raise WamError(
                            f'{episode}: is in use by process {process.pid} '
                            f'({process.name()}), maybe still recording: stop that first'
                        )
