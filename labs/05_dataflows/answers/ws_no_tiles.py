"""Gives each weight a PE of its own, whatever the array."""

earns = {"ws": 0}
told = {"ws": "array as large as the layer"}


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    schedule = []
    for m in range(M):
        for c in range(C):
            schedule.append((0, (c, m), "load", ("filter", m, c)))
            for p in range(P):
                schedule.append((p, (c, m), "load", ("ifmap", c, p)))
                schedule.append((p, (c, m), "mac", (m, c, p)))
                schedule.append((p, (c, m), "store", ("ofmap", m, p)))
    return schedule
