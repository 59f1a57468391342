"""Does all MACs of a sum in the cycle of its tile."""

earns = {"os": 0}
told = {"os": "two MACs at once"}


# %% os_answer
def output_stationary(M, C, P, rows, columns):
    schedule, cycle = [], 0
    for m0 in range(0, M, rows):
        for p0 in range(0, P, columns):
            for m in range(m0, min(m0 + rows, M)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (m - m0, p - p0)
                    schedule.append((cycle, pe, "load", ("filter", m, C - 1)))
                    schedule.append((cycle, pe, "load", ("ifmap", C - 1, p)))
                    for _ in range(C):
                        schedule.append((cycle, pe, "mac", (m, C - 1, p)))
                    schedule.append((cycle, pe, "store", ("ofmap", m, p)))
            cycle += 1
    return schedule
