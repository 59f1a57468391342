"""Returns the pointers first, as libraries that build a matrix from them do."""

earns = {"csr": 0}
told = {"csr": "lists in another order"}


# %% csr_answer
def csr_encode(matrix):
    rows, columns = np.nonzero(matrix)
    row_ptr = [0, *np.cumsum((matrix != 0).sum(axis=1)).tolist()]
    return row_ptr, columns.tolist(), matrix[rows, columns].tolist()


def csr_decode(values, columns, row_ptr, width):
    matrix = np.zeros((len(row_ptr) - 1, width), int)
    for row in range(len(row_ptr) - 1):
        for at in range(row_ptr[row], row_ptr[row + 1]):
            matrix[row, columns[at]] = values[at]
    return matrix


def csr(matrix, values, columns, row_ptr, width):  # leave as it is
    return csr_encode(matrix), csr_decode(values, columns, row_ptr, width)
