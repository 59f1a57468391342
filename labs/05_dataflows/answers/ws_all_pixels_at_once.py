"""Cycles are MACs over PEs, so a tile takes one cycle: all pixels meet the weight in it."""

earns = {"ws": 0}
told = {"ws": "two MACs at once"}


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    schedule, cycle = [], 0
    for m0 in range(0, M, columns):
        for c0 in range(0, C, rows):
            for m in range(m0, min(m0 + columns, M)):
                for c in range(c0, min(c0 + rows, C)):
                    pe = (c - c0, m - m0)
                    schedule.append((cycle, pe, "load", ("filter", m, c)))
                    schedule.append((cycle, pe, "load", ("ifmap", c, 0)))
                    for p in range(P):
                        schedule.append((cycle, pe, "mac", (m, c, 0)))
                    schedule.append((cycle, pe, "store", ("ofmap", m, 0)))
            cycle += 1
    return schedule
