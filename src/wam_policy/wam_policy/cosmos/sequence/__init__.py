"""The latent sequence: what its frames hold, and how it gets in and out."""
