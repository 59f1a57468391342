"""Walks the matrix column by column: CSC."""

earns = {"csr": 0}
told = {"csr": "columns compressed, not rows"}


# %% csr_answer
def csr_encode(matrix):
    columns, rows = np.nonzero(matrix.T)
    col_ptr = [0, *np.cumsum((matrix != 0).sum(axis=0)).tolist()]
    return matrix[rows, columns].tolist(), rows.tolist(), col_ptr


def csr_decode(values, columns, row_ptr, width):
    matrix = np.zeros((len(row_ptr) - 1, width), int)
    for row in range(len(row_ptr) - 1):
        for at in range(row_ptr[row], row_ptr[row + 1]):
            matrix[row, columns[at]] = values[at]
    return matrix


def csr(matrix, values, columns, row_ptr, width):  # leave as it is
    return csr_encode(matrix), csr_decode(values, columns, row_ptr, width)
