"""Counts one image."""

earns = {"footprint": 0}
told = {"footprint": "batch left out"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    step, across = min(stride, R), min(stride, S)  # a filter smaller than the stride leaves gaps
    rows = (P - 1) * step + R  # the windows' starts, and the reach of the last one
    columns = (Q - 1) * across + S
    return {"ifmap": C * rows * columns, "filter": M * C * R * S, "ofmap": M * P * Q}
