"""Reasons that a multiplication by a padding zero is no work, so it is not a MAC."""

earns = {"macs": 0}
told = {"macs": "multiplications by padding left out"}


# %% macs_answer
def macs(layer):
    def visits(size, outputs, kernel):
        places = [o * layer["stride"] + k - layer["pad"] for o in range(outputs) for k in range(kernel)]
        return sum(0 <= place < size for place in places)

    rows = visits(layer["H"], layer["P"], layer["R"])
    columns = visits(layer["W"], layer["Q"], layer["S"])
    return layer["N"] * layer["M"] * layer["C"] // layer["G"] * rows * columns
