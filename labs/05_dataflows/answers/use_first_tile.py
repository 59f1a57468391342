"""Utilization as the share of PEs that the first tile covers."""

earns = {"use": 0}
told = {"use": "utilization of the first tile"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-C // rows) * -(-M // columns)  # rounded up
    cycles = tiles * (rows + P + (rows - 1) + (columns - 1))
    return {"cycles": cycles, "utilization": min(M, columns) * min(C, rows) / (rows * columns)}
