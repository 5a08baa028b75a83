"""Moves of the cube task: the right arm picks the cube up, the left arm takes it in mid-air."""

import math
from collections.abc import Mapping

import numpy as np

from wam_core.joints import Vector
from wam_sim.expert.grasp import CLOSED, backed_off, from_above, level, raised, yaw_of
from wam_sim.expert.plan import Check, Move

_REST_M = 0.02  # half of the cube's edge
_ABOVE_M = 0.10
_ASIDE_M = 0.14  # the waiting gripper, clear of the other one's swing
_MEETING = np.array([0.0, 0.5, 0.30])  # m, midway between the arms' bases
_OPEN = 0.8  # the fingers stand 12 mm off the cube on both sides


def moves(objects: Mapping[str, Vector]) -> tuple[list[Move], list[Check]]:
    """The moves from wherever the arms are, and where the cube must be meanwhile.

    objects: 'cube' -> (7,) position m and quaternion w x y z, world frame.
    """
    cube = objects['cube']
    grasp = from_above('right', [cube[0], cube[1], _REST_M], yaw_of(cube, math.pi / 2))
    above = raised(grasp, _ABOVE_M)
    give = level('right', _MEETING)
    take = level('left', _MEETING, math.pi / 2)  # its fingers close on the two free faces
    openings = {'left': _OPEN, 'right': _OPEN}
    steps = [
        Move('above', 1.6, {'right': above, 'left': backed_off(take, _ASIDE_M)}, openings),
        Move('descend', 1.1, {'right': grasp}, straight=True),
        Move('settle', 0.2),
        Move('grip', 0.9, openings={'right': CLOSED}, stage=1),
        Move('lift', 0.8, {'right': above}, straight=True, stage=2),
        Move('carry', 1.8, {'right': give}),
        Move('steady', 0.2),
        Move('approach', 1.1, {'left': take}, straight=True),
        Move('take', 0.9, openings={'left': CLOSED}, stage=4),
        Move('let go', 0.8, openings={'right': _OPEN}),
        Move('withdraw', 0.8, {'right': backed_off(give, _ABOVE_M)}, straight=True),
    ]
    checks = [
        Check('cube', 0.01, place=(float(cube[0]), float(cube[1])), until='settle'),
        Check('cube', 0.04, side='right', after='lift', until='approach'),
        Check('cube', 0.04, side='left', after='withdraw'),
    ]
    return steps, checks
