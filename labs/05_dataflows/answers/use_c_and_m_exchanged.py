"""Cuts M by the rows and C by the columns."""

earns = {"use": 0}
told = {"use": "C and M exchanged"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-M // rows) * -(-C // columns)
    cycles = tiles * (rows + P + (rows - 1) + (columns - 1))
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
