"""devrun.toml: what the file may say, and what the program uses after resolving it."""
