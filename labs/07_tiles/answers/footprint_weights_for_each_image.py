"""Multiplies everything by the batch."""

earns = {"footprint": 0}
told = {"footprint": "weights for each image"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    step, across = min(stride, R), min(stride, S)  # a filter smaller than the stride leaves gaps
    rows = (P - 1) * step + R  # the windows' starts, and the reach of the last one
    columns = (Q - 1) * across + S
    return {"ifmap": N * C * rows * columns, "filter": N * M * C * R * S, "ofmap": N * M * P * Q}
