"""Uses the formula of the chapter where windows leave gaps."""

earns = {"footprint": 0}
told = {"footprint": "gaps counted"}


# %% footprint_answer
def footprint(tile, stride):
    N, M, C, P, Q, R, S = (tile[letter] for letter in "NMCPQRS")
    rows = (P - 1) * stride + R
    columns = (Q - 1) * stride + S
    return {"ifmap": N * C * rows * columns, "filter": M * C * R * S, "ofmap": N * M * P * Q}
