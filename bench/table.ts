import { type Figure, verdictOf } from './goal.ts'

const columns = ['goal', 'what', 'ours', 'peer', 'figure', 'must', 'reach', 'verdict'] as const

/** A number as people read it, with its unit. */
function shown(value: number | null, { unit }: Figure): string {
  if (value === null) return '–'
  if (unit === 'x') return `${value.toFixed(2)}×`
  return unit === 'ms' ? `${value.toFixed(1)} ms` : `${value.toFixed(3)} µs`
}

function limit(value: number | null, figure: Figure): string {
  return value === null ? '–' : `${figure.better === 'less' ? '≤' : '≥'} ${shown(value, figure)}`
}

function rows(figures: readonly Figure[]): string[][] {
  return figures.map((figure) => [
    figure.goal,
    figure.what,
    figure.ours,
    figure.peer,
    shown(figure.value, figure),
    limit(figure.must, figure),
    limit(figure.reach, figure),
    verdictOf(figure),
  ])
}

export function markdownTable(figures: readonly Figure[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(columns), line(columns.map(() => '---')), ...rows(figures).map(line)].join('\n')
}

export function plainTable(figures: readonly Figure[]): string {
  const all = [[...columns], ...rows(figures)]
  const widths = columns.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)))
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
