"""Camera images to latent frames and back."""
