"""Moves the window P times instead of P - 1."""

earns = {"footprint": 0}
told = {"footprint": "halo one stride too wide"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = P * stride + R
    columns = Q * stride + S
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}
