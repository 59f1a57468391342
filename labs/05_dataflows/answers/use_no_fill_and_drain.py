"""Loads and streams, and forgets the way across the array."""

earns = {"use": 0}
told = {"use": "no fill and drain"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-C // rows) * -(-M // columns)  # rounded up
    cycles = tiles * (rows + P)
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
