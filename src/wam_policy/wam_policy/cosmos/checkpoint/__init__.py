"""Policy directories: imported from the official files, verified, loaded."""
