"""Places the whole layer, without tiles."""

earns = {"is": 0}
told = {"is": "array as large as the layer"}


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    schedule = []
    for c in range(C):
        for p in range(P):
            schedule.append((0, (c, p), "load", ("ifmap", c, p)))
            for m in range(M):
                schedule.append((m, (c, p), "load", ("filter", m, c)))
                schedule.append((m, (c, p), "mac", (m, c, p)))
                schedule.append((m, (c, p), "store", ("ofmap", m, p)))
    return schedule
