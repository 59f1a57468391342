"""A tile takes as many cycles as there are pixels; knows of edge tiles."""

earns = {"use": 0}
told = {"use": "pixels alone"}


# %% use_answer
def use(M, C, P, rows, columns):
    tiles = -(-M // columns) * -(-C // rows)
    return {"cycles": tiles * P, "utilization": M * C / (tiles * rows * columns)}
