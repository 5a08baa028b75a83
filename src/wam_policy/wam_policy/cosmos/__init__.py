"""Cosmos Policy (Kim et al. 2026): a video diffusion model whose latent frames hold the robot."""
