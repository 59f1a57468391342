"""Every tile is as large as the array."""

earns = {"is": 0}
told = {"is": "edge tile not clipped"}


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for c0 in range(0, C, rows):
        for p0 in range(0, P, columns):
            for c in range(c0, c0 + rows):
                for p in range(p0, p0 + columns):
                    pe = (c - c0, p - p0)
                    schedule.append((start, pe, "load", ("ifmap", c, p)))
                    for m in range(M):
                        schedule.append((start + m, pe, "load", ("filter", m, c)))
                        schedule.append((start + m, pe, "mac", (m, c, p)))
                        schedule.append((start + m, pe, "store", ("ofmap", m, p)))
            start += M
    return schedule
