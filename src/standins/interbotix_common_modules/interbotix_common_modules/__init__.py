"""Stand-in for interbotix_common_modules: the node that a robot's Python interface lives on."""

STAND_IN = True  # the real package has no such name
