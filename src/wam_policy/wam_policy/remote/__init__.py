"""Policies that run elsewhere, and ours for others: the two protocols, both sides of each."""
