"""Counts PEs along the way instead of hops."""

earns = {"use": 0}
told = {"use": "one cycle too many per tile"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-C // rows) * -(-M // columns)  # rounded up
    cycles = tiles * (rows + P + rows + columns - 1)
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
