"""Cuts the input like the output, times the stride."""

earns = {"footprint": 0}
told = {"footprint": "halo forgotten"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = P * stride
    columns = Q * stride
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}
