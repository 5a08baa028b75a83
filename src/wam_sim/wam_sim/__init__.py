"""A simulated ALOHA rig on MuJoCo, with the topics and services of the real one."""
