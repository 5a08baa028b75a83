"""Episodes of other people's files become ours; what those don't tell stays unknown."""
