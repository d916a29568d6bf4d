"""The loop: one mailbox, one owner of state, workers that do one action each and post its outcome."""
