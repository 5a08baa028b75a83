"""Videos of episodes, made when the simulation no longer needs the processor."""

from collections.abc import Sequence
from pathlib import Path

from wam_cli.interruption import Interruption
from wam_cli.status import Display, Status
from wam_core.errors import WamError


def previews(episodes: Sequence[Path], display: Display, interruption: Interruption) -> list[str]:
    """Makes preview.mp4 in each; the paths. One that can't be made is said to be so."""
    from wam_data.preview import write_preview

    paths = []
    for episode in episodes:
        status = Status(str(episode), 'making preview.mp4')

        def progress(done: int, total: int, status: Status = status) -> None:
            interruption.check()
            status.progress = f'{100 * done // max(1, total)} %'
            display.show(status)

        try:
            paths.append(str(write_preview(episode, progress)))
        except WamError as error:
            display.say(f'no preview: {error}')
        else:
            display.say(f'preview: {paths[-1]}')
    return paths
