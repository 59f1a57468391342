"""Rounds the number of tiles down."""

earns = {"use": 0}
told = {"use": "edge tiles as fractions"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = max(1, (C // rows) * (M // columns))
    cycles = tiles * (rows + P + (rows - 1) + (columns - 1))
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
