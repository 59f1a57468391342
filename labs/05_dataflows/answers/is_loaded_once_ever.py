"""Loads the inputs of the first tile and keeps them for good."""

earns = {"is": 0}
told = {"is": "loaded once ever"}


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for c0 in range(0, C, rows):
        for p0 in range(0, P, columns):
            for c in range(c0, min(c0 + rows, C)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (c - c0, p - p0)
                    if start == 0:
                        schedule.append((0, pe, "load", ("ifmap", c, p)))
                    for m in range(M):
                        schedule.append((start + m, pe, "load", ("filter", m, c)))
                        schedule.append((start + m, pe, "mac", (m, c, p)))
                        schedule.append((start + m, pe, "store", ("ofmap", m, p)))
            start += M
    return schedule
