"""Every PE sends its product straight to the PE at the bottom."""

earns = {"reduction": 0}
told = {"reduction": "a sum crosses the column in a cycle"}


# %% reduction_answer
def reduction(M, C, P, rows, columns):
    schedule, last = [], rows - 1
    for m in range(M):
        for r in range(C):
            schedule.append((r, (r, m), "load", ("filter", m, r)))
            for p in range(P):
                cycle, word = p * C + r, ("ofmap", m, p)
                schedule.append((cycle, (r, m), "load", ("ifmap", r, p)))
                schedule.append((cycle, (r, m), "mac", (m, r, p)))
                if r < last:
                    schedule.append((cycle, (r, m), "pass", (word, (last, m))))
        for p in range(P):
            schedule.append((p * C + C, (last, m), "store", ("ofmap", m, p)))
    return schedule
