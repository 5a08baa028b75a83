"""What a rollout leaves: its last line, and its recording."""

import re
from pathlib import Path

from wam_data.recover import recover
from wam_data.verify import verify

LINE = re.compile(
    r'episode=(?P<episode>\S+) outcome=(?P<outcome>success|failure|aborted) '
    r'score=(?P<score>[\d.]+) steps=(?P<steps>\d+) sim_s=(?P<sim>\d+\.\d) wall_s=\d+\.\d'
)


def last_line(output: str) -> re.Match[str]:
    match = LINE.fullmatch(output.splitlines()[-1])
    assert match, output
    return match


def whole(partial: Path) -> None:
    """Whatever state the recording is in, afterwards it is whole."""
    episode = recover(partial).episode if partial.exists() else partial.with_suffix('')
    report = verify(episode)
    assert report.messages > 100
    assert report.ok, report.text()
