const segments = new Intl.Segmenter();

/** A column of {@link renderTable}; numbers and sizes go to the right. */
export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  readonly cell: (row: Row) => string;
}

/** Rows under a head line, columns two spaces apart, without trailing blanks. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
): string {
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const lines = [columns.map((column) => column.title), ...cells];
  const widths = columns.map((_, index) =>
    lines.reduce((widest, line) => Math.max(widest, width(line[index])), 0),
  );
  return lines
    .map((line) =>
      line
        .map((cell, index) => {
          const gap = " ".repeat((widths[index] ?? 0) - width(cell));
          return columns[index]?.align === "right" ? gap + cell : cell + gap;
        })
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function width(cell: string | undefined): number {
  return Array.from(segments.segment(cell ?? "")).length;
}
