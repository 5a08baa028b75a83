"""Episodes in the formats of other projects, on a regular grid."""
