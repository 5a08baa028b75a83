"""A simulated ALOHA rig on MuJoCo: the physics, and the nodes that make it look like the real one."""
