"""Stand-in: the part of cv_bridge that ALOHA-WAM imports."""
