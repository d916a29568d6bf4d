"""Containers: the protocol that devrun speaks with an engine, and Docker behind it."""
