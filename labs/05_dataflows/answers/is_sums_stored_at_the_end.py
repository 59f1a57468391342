"""Stores the last sum of a stay only."""

earns = {"is": 0}
told = {"is": "a sum in the way"}


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for c0 in range(0, C, rows):
        for p0 in range(0, P, columns):
            for c in range(c0, min(c0 + rows, C)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (c - c0, p - p0)
                    schedule.append((start, pe, "load", ("ifmap", c, p)))
                    for m in range(M):
                        schedule.append((start + m, pe, "load", ("filter", m, c)))
                        schedule.append((start + m, pe, "mac", (m, c, p)))
                    schedule.append((start + M - 1, pe, "store", ("ofmap", M - 1, p)))
            start += M
    return schedule
