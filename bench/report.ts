import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Figure } from './goal.ts'
import { markdownTable } from './table.ts'

const page = join(import.meta.dirname, '../docs/measurements.md')

/** What was measured on, as it was when the run began: other work on the machine shows in the load. */
export function describeMachine(servers: readonly string[]): string[] {
  const [cpu] = cpus()
  const gib = (totalmem() / 2 ** 30).toFixed(0)
  return [
    `${availableParallelism()} cores (${cpu?.model.trim()}), ${gib} GiB, Linux ${release()}, Node ${process.versions.node}`,
    ...servers,
    `load average before the run: ${loadavg()
      .map((load) => load.toFixed(1))
      .join(', ')}`,
  ]
}

/** Puts the table of the goals into docs/measurements.md. */
export function writeReport(figures: readonly Figure[], machine: readonly string[], rounds: number): void {
  writeSection('bench', [
    `medians of ${rounds} interleaved rounds`,
    '',
    ...machine.map((line) => `- ${line}`),
    '',
    markdownTable(figures),
  ])
}

/** Puts lines into docs/measurements.md, between the marks that it keeps for a bench, behind the moment. */
export function writeSection(name: 'bench' | 'records', [first = '', ...lines]: readonly string[]): void {
  const text = readFileSync(page, 'utf8')
  const [begin, end] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${page} has no place for the table`)
  const moment = new Date().toISOString().slice(0, 16).replace('T', ' ')
  const section = [begin, '', `Measured on ${moment} UTC, ${first}:`, ...lines, '']
  writeFileSync(page, `${text.slice(0, from)}${section.join('\n')}${text.slice(to)}`)
}
