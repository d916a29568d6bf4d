"""Measures devrun, and beside it what people use instead: `benchmarks/run`.

`run` prepares the machine and starts `__main__`. `saves` goes round the `contenders` (`peers`, `ours`) and
asks the `served` program by the `client`; `others` are figures without a save. All becomes one `figures.Run`,
which `results/` keeps as JSON; `page` and `plot` show it, and nothing else. `decision` and `status` run by
themselves.
"""
