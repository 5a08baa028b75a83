"""Moves of the insertion task: the right arm brings the peg, the left arm the socket."""

import math
from collections.abc import Mapping

import mink
import numpy as np

from wam_core.joints import Vector
from wam_sim.expert.grasp import CLOSED, from_above, raised, yaw_of
from wam_sim.expert.plan import Check, Move

_PEG_GRASP_M = 0.018  # above the table: the finger tips clear it by 6 mm
_PEG_AXIS_M = 0.010  # where the peg lies
_SOCKET_M = 0.022  # the socket's axis, and its grasp
_ABOVE_M = 0.10
_MEETING = np.array([0.0, 0.5, 0.16])  # m, midway between the arms' bases
_APART_M = 0.16  # between the two axes' centres before the insertion
_INSERTED_M = 0.093  # after it; the peg's end touches the pin at 0.060 + 0.040 m, then presses
_OPEN = {'left': 0.9, 'right': 0.6}  # the fingers stand 10 mm off the part on both sides


def moves(objects: Mapping[str, Vector]) -> tuple[list[Move], list[Check]]:
    """The moves from wherever the arms are, and where peg and socket must be meanwhile.

    objects: 'peg', 'socket' -> (7,) position m and quaternion w x y z, world frame.
    """
    peg, socket = objects['peg'], objects['socket']
    grasps = {
        'left': from_above('left', [*socket[:2], _SOCKET_M], yaw_of(socket, math.pi)),
        'right': from_above('right', [*peg[:2], _PEG_GRASP_M], yaw_of(peg, math.pi)),
    }
    above = {side: raised(pose, _ABOVE_M) for side, pose in grasps.items()}
    steps = [
        Move('above', 1.6, above, _OPEN),
        Move('descend', 1.1, grasps, straight=True),
        Move('settle', 0.2),
        Move('grip', 1.0, openings={'left': CLOSED, 'right': CLOSED}, stage=1),
        Move('lift', 0.8, above, straight=True, stage=2),
        Move('face', 1.8, _facing(_APART_M)),
        Move('steady', 0.4),
        Move('insert', 1.6, _facing(_INSERTED_M), straight=True, stage=4),
    ]
    checks = [
        _lies('peg', peg),
        _lies('socket', socket),
        Check('peg', 0.05, side='right', after='lift'),
        Check('socket', 0.05, side='left', after='lift'),
    ]
    return steps, checks


def _facing(distance: float) -> dict[str, mink.SE3]:
    """Both parts in mid-air on one axis, ``distance`` m between their centres."""
    half = np.array([distance / 2.0, 0.0, 0.0])
    above_axis = np.array([0.0, 0.0, _PEG_GRASP_M - _PEG_AXIS_M])
    return {
        'left': from_above('left', _MEETING - half),
        'right': from_above('right', _MEETING + half + above_axis),
    }


def _lies(name: str, thing: Vector) -> Check:
    return Check(name, 0.01, place=(float(thing[0]), float(thing[1])), until='settle')
