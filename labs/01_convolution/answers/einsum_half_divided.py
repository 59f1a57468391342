"""Divides the inputs by G because a filter has C/G channels, and leaves the outputs whole."""

earns = {"einsum": 0}
told = {"einsum": "only the inputs divided by G"}


# %% einsum_answer
def einsum_bounds(layer):
    G = layer["G"]
    return dict(
        N=layer["N"],
        G=G,
        M=layer["M"],
        C=layer["C"] // G,
        P=layer["P"],
        Q=layer["Q"],
        R=layer["R"],
        S=layer["S"],
    )
