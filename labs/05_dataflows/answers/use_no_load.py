"""Forgets that weights take cycles to come in."""

earns = {"use": 0}
told = {"use": "loading for free"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-C // rows) * -(-M // columns)  # rounded up
    cycles = tiles * (P + rows + columns - 2)
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
