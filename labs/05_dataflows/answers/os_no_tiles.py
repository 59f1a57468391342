"""Gives each sum a PE of its own, whatever the array."""

earns = {"os": 0}
told = {"os": "array as large as the layer"}


# %% os_answer
def output_stationary(M, C, P, rows, columns):
    schedule = []
    for m in range(M):
        for p in range(P):
            for c in range(C):
                schedule.append((c, (m, p), "load", ("filter", m, c)))
                schedule.append((c, (m, p), "load", ("ifmap", c, p)))
                schedule.append((c, (m, p), "mac", (m, c, p)))
            schedule.append((C - 1, (m, p), "store", ("ofmap", m, p)))
    return schedule
