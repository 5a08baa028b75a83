"""The scripted experts: plan a simulated task from the true object poses."""
