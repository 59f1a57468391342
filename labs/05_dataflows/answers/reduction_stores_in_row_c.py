"""Stores a sum where it is complete, also above the last row."""

earns = {"reduction": 0}
told = {"reduction": "a sum stops where C ends"}


# %% reduction_answer
def reduction(M, C, P, rows, columns):
    schedule = []
    for m in range(M):
        for p in range(P):
            for r in range(rows):
                cycle, pe, word = p + r, (r, m), ("ofmap", m, p)
                if r < C:
                    words = [("filter", m, r)] * (p == 0) + [("ifmap", r, p)]
                    schedule += [(cycle, pe, "load", load) for load in words]
                    schedule.append((cycle, pe, "mac", (m, r, p)))
                if r < C - 1:
                    schedule.append((cycle, pe, "pass", (word, (r + 1, m))))
                elif r == C - 1:
                    schedule.append((cycle, pe, "store", word))
    return schedule
