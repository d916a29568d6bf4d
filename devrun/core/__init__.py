"""Pure rules: what is desired, what was observed, and the one action or hold that follows."""
