"""Gives utilization in percent, as reports do."""

earns = {"use": 0}
told = {"use": "utilization in percent"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-C // rows) * -(-M // columns)
    cycles = tiles * (rows + P + (rows - 1) + (columns - 1))
    return {"cycles": cycles, "utilization": 100 * M * C * P / (rows * columns * cycles)}
