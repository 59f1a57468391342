"""Reads rows until the values are used up, so empty rows at the end are lost."""

earns = {"csr": 0}
told = {"csr": "trailing zeros lost"}


# %% csr_answer
def csr_encode(matrix):
    rows, columns = np.nonzero(matrix)
    row_ptr = [0, *np.cumsum((matrix != 0).sum(axis=1)).tolist()]
    return matrix[rows, columns].tolist(), columns.tolist(), row_ptr


def csr_decode(values, columns, row_ptr, width):
    rows, row = [], 0
    while row < len(row_ptr) - 1 and row_ptr[row] < len(values):
        line = [0] * width
        for at in range(row_ptr[row], row_ptr[row + 1]):
            line[columns[at]] = values[at]
        rows.append(line)
        row += 1
    return rows


def csr(matrix, values, columns, row_ptr, width):  # leave as it is
    return csr_encode(matrix), csr_decode(values, columns, row_ptr, width)
