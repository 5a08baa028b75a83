"""From noise to a chunk: denoising runs, and choosing among what they give."""
