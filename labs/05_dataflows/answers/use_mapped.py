"""Utilization as the share of PEs that have a weight."""

earns = {"use": 0}
told = {"use": "utilization = mapped PEs / PEs"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-C // rows) * -(-M // columns)  # rounded up
    cycles = tiles * (rows + P + (rows - 1) + (columns - 1))
    return {"cycles": cycles, "utilization": M * C / (tiles * rows * columns)}
