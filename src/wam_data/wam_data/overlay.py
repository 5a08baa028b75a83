"""Draws the state of the rig under the camera pictures of a preview."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from wam_core.policy import Image

HEIGHT: Final = 72  # pixels of the strip
_FONT: Final = cv2.FONT_HERSHEY_SIMPLEX
_TEXT: Final = (235, 235, 235)  # colours are B, G, R
_FAINT: Final = (90, 90, 90)
_MEASURED: Final = (90, 190, 90)
_COMMANDED: Final = (60, 140, 255)
_BAR: Final = (220, 12)  # width and height of a gripper's bar, pixels
_MARGIN: Final = 12


@dataclass
class State:
    """What the strip shows. source: what moves the arms, e.g. teleop.

    measured, commanded: openings, 0 closed .. 1 open; left, right; NaN: not known yet.
    """

    elapsed_s: float = 0.0
    stage: str = ''
    score: float = 0.0
    source: str = ''
    measured: tuple[float, float] = (np.nan, np.nan)
    commanded: tuple[float, float] = (np.nan, np.nan)


def strip(width: int, state: State) -> Image:
    """A (HEIGHT, width, 3) picture, B G R: stage and time at the left, grippers at the right."""
    canvas = np.full((HEIGHT, width, 3), 24, np.uint8)
    stage = state.stage.encode('ascii', 'replace').decode() or '-'
    _write(canvas, f'stage: {stage}', (_MARGIN, 28), 0.7)
    _write(
        canvas,
        f'{state.elapsed_s:6.2f} s   score {state.score:g}   {state.source}',
        (_MARGIN, 58),
        0.55,
    )
    for row, side in enumerate(('left', 'right')):
        top = 10 + row * 24
        left = width - _BAR[0] - _MARGIN
        _write(canvas, f'{side} gripper', (left - 130, top + 11), 0.5)
        _bar(canvas, left, top, state.measured[row], state.commanded[row])
    _write(canvas, 'bar: measured   line: commanded', (width - 362, 66), 0.4)
    return canvas


def _write(canvas: Image, text: str, origin: tuple[int, int], size: float) -> None:
    cv2.putText(canvas, text, origin, _FONT, size, _TEXT, 1, cv2.LINE_AA)


def _bar(canvas: Image, left: int, top: int, measured: float, commanded: float) -> None:
    """Filled to the measured opening, with a line at the commanded one."""
    width, height = _BAR
    corner = (left + width, top + height)
    cv2.rectangle(canvas, (left, top), corner, _FAINT, 1)
    if np.isfinite(measured):
        end = left + round(width * min(1.0, max(0.0, measured)))
        cv2.rectangle(canvas, (left, top), (end, top + height), _MEASURED, cv2.FILLED)
    if np.isfinite(commanded):
        at = left + round(width * min(1.0, max(0.0, commanded)))
        cv2.line(canvas, (at, top - 3), (at, top + height + 3), _COMMANDED, 2)
