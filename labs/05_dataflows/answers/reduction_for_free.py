"""All rows work on a pixel in the same cycle and hand their sums down in it."""

earns = {"reduction": 0}
told = {"reduction": "reduction counted as free"}


# %% reduction_answer
def reduction(M, C, P, rows, columns):
    schedule = []
    for m in range(M):
        for p in range(P):
            for r in range(rows):
                cycle, pe, word = p, (r, m), ("ofmap", m, p)
                if r < C:
                    words = [("filter", m, r)] * (p == 0) + [("ifmap", r, p)]
                    schedule += [(cycle, pe, "load", load) for load in words]
                    schedule.append((cycle, pe, "mac", (m, r, p)))
                if r < rows - 1:
                    schedule.append((cycle, pe, "pass", (word, (r + 1, m))))
                else:
                    schedule.append((cycle, pe, "store", word))
    return schedule
