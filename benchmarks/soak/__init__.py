"""What hours of work leave behind: thousands of restarts, or minutes of everything that happens to a devrun.

samples.py       what devrun takes at a moment: memory, descriptors, threads, containers, disk
growth.py        whether that grows
stage.py         a project under `devrun watch`, and the judges beside it
restarts.py      a story: one save after another, each with the right answer
__main__.py      the command line, scripts/soak
"""
