"""Benchmarks of ``wam bench``: each module offers ``add_arguments`` and ``run``."""
