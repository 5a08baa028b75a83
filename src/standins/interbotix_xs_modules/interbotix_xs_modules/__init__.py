"""Stand-in for interbotix_xs_modules: the core of an X-series robot's Python interface."""

STAND_IN = True  # the real package has no such name
