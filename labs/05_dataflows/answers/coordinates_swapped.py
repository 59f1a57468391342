"""Writes the coordinates of a word in the order of its own loops."""

earns = {"ws": 0, "os": 0, "is": 0}
told = {
    "ws": "coordinates in another order",
    "os": "coordinates in another order",
    "is": "coordinates in another order",
}


# %% ws_answer
def weight_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for m0 in range(0, M, columns):  # a tile: rows x columns words of the filter
        for c0 in range(0, C, rows):
            for m in range(m0, min(m0 + columns, M)):
                for c in range(c0, min(c0 + rows, C)):
                    pe = (c - c0, m - m0)
                    schedule.append((start, pe, "load", ("filter", c, m)))
                    for p in range(P):
                        schedule.append((start + p, pe, "load", ("ifmap", c, p)))
                        schedule.append((start + p, pe, "mac", (m, c, p)))
                        schedule.append((start + p, pe, "store", ("ofmap", m, p)))
            start += P  # the next tile begins when the last pixel has passed
    return schedule


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
                        schedule.append((start + c, pe, "load", ("ifmap", p, c)))
                        schedule.append((start + c, pe, "mac", (m, c, p)))
                    schedule.append((start + C - 1, pe, "store", ("ofmap", m, p)))
            start += C
    return schedule


# %% is_answer
def input_stationary(M, C, P, rows, columns):
    schedule, start = [], 0
    for c0 in range(0, C, rows):
        for p0 in range(0, P, columns):
            for c in range(c0, min(c0 + rows, C)):
                for p in range(p0, min(p0 + columns, P)):
                    pe = (c - c0, p - p0)
                    schedule.append((start, pe, "load", ("ifmap", c, p)))
                    for m in range(M):
                        schedule.append((start + m, pe, "load", ("filter", m, c)))
                        schedule.append((start + m, pe, "mac", (m, c, p)))
                        schedule.append((start + m, pe, "store", ("ofmap", p, m)))
            start += M
    return schedule
