"""The disk: which files there are, which changed, and what they mean."""
