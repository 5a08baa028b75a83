"""What `wam episodes verify` looks at, each look as a list of findings."""
