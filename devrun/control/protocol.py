"""The version of what is said over the socket, and the header in which both sides say it."""

PROTOCOL = "1"
"""Raised when an older client or daemon would misread the other."""
PROTOCOL_HEADER = "Devrun-Protocol"
