"""Settings of every test: image transport as the stack runs it, discovery on this machine only."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

# Before the first DDS participant of the process: Fast DDS reads them once.
os.environ['FASTRTPS_DEFAULT_PROFILES_FILE'] = str(REPOSITORY / 'config' / 'fastdds.xml')
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
os.environ.setdefault('MUJOCO_GL', 'egl')
# Tensors are tiny here: threads would only wait for each other.
os.environ.setdefault('OMP_NUM_THREADS', '1')

# A slow machine is no failure.
settings.register_profile('wam', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('wam')
