"""An X-series robot; of the real package's modules ``core`` alone."""
