"""Stores the whole row up to its last nonzero."""

earns = {"csr": 0}
told = {"csr": "zeros stored too"}


# %% csr_answer
def csr_encode(matrix):
    values, columns, row_ptr = [], [], [0]
    for row in matrix.tolist():
        last = max((k for k, value in enumerate(row) if value), default=-1)
        values += row[: last + 1]
        columns += range(last + 1)
        row_ptr.append(len(values))
    return values, columns, row_ptr


def csr_decode(values, columns, row_ptr, width):
    matrix = np.zeros((len(row_ptr) - 1, width), int)
    for row in range(len(row_ptr) - 1):
        for at in range(row_ptr[row], row_ptr[row + 1]):
            matrix[row, columns[at]] = values[at]
    return matrix


def csr(matrix, values, columns, row_ptr, width):  # leave as it is
    return csr_encode(matrix), csr_decode(values, columns, row_ptr, width)
