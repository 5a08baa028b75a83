"""The diffusion transformer: diffusers' weights, a forward pass of our own."""
