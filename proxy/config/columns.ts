/**
 * Rows as lines, columns aligned; the first row is the heading. A table that is wider than `width` is told column by column
 * below each row's first, so that nothing is cut.
 */
export function alignColumns(rows: readonly (readonly string[])[], width = Infinity): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
  return lines.every((line) => line.length <= width) ? lines : belowEachOther(rows, width);
}

const GAP = "  ";

function belowEachOther([heading = [], ...rows]: readonly (readonly string[])[], width: number): readonly string[] {
  const titles = Math.max(...heading.slice(1).map(({ length }) => length));
  return rows.flatMap(([first = "", ...cells]) => [
    `${heading[0] ?? ""} ${first}`,
    ...cells.flatMap((cell, i) => {
      const [begin = "", ...rest] = broken(cell, width - titles - 2 * GAP.length);
      const head = `${GAP}${(heading[i + 1] ?? "").padEnd(titles)}${GAP}`;
      return [`${head}${begin}`.trimEnd(), ...rest.map((line) => " ".repeat(head.length) + line)];
    }),
  ]);
}

/** At blanks; a word that is longer than the line stands alone in full. */
function broken(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > width) lines.push(word);
    else lines.splice(-1, 1, `${last} ${word}`);
  }
  return lines;
}
