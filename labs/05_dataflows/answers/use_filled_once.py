"""Fills and drains once, as a pipeline would."""

earns = {"use": 0}
told = {"use": "fill and drain once for all tiles"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-C // rows) * -(-M // columns)  # rounded up
    cycles = tiles * P + 2 * rows + columns - 2
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
