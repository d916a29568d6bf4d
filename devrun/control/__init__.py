"""The local socket: where it lives, who may use it, and what is said over it."""
