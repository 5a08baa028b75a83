"""The nodes that make the simulated rig look like the real one. Only here: rclpy."""
