"""MACs divided by PEs."""

earns = {"use": 0}
told = {"use": "cycles = MACs / PEs"}


# %% use_answer
def use(M, C, P, rows, columns):
    cycles = -(-M * C * P // (rows * columns))
    return {"cycles": cycles, "utilization": M * C * P / (rows * columns * cycles)}
