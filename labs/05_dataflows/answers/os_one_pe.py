"""Makes one sum after the other, each in a PE of its own."""

earns = {"os": 0}
told = {"os": "PEs left idle"}


# %% os_answer
def output_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for m0 in range(0, M, rows):
        for p0 in range(0, P, columns):
            for m in range(m0, min(m0 + rows, M)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (m - m0, p - p0)
                    for c in range(C):
                        schedule.append((start + c, pe, "load", ("filter", m, c)))
                        schedule.append((start + c, pe, "load", ("ifmap", c, p)))
                        schedule.append((start + c, pe, "mac", (m, c, p)))
                    schedule.append((start + C - 1, pe, "store", ("ofmap", m, p)))
                    start += C
    return schedule
