"""Multicast from the start where it is not asked for; pixels late; a tree of thoughts is not needed to be right."""


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    pes = [(r, k) for r in range(rows) for k in range(columns)]
    words, schedule = [(m, c) for c in range(C) for m in range(M)], []
    for first in range(0, len(words), len(pes)):
        tile, begin = dict(zip(words[first:], pes)), first // len(pes) * P
        schedule += [(begin, pe, "load", ("filter", *word)) for word, pe in tile.items()]
        for p in range(P):
            for c in {c for _, c in tile}:
                same = [pe for (_, other), pe in tile.items() if other == c]
                schedule.append((begin + p, same, "load", ("ifmap", c, p)))
            for (m, c), pe in tile.items():
                schedule += [(begin + p, pe, "mac", (m, c, p)), (begin + p, pe, "store", ("ofmap", m, p))]
    return schedule
