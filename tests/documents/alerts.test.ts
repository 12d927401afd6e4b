import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createMetrics } from '../../src/platform/metrics.ts'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: Readonly<Record<'summary' | 'description' | 'runbook', string>>
}

const root = join(import.meta.dirname, '../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const { groups } = parse(read('ops/prometheus/alerts.yml')) as { groups: { rules: Rule[] }[] }
const rules = groups.flatMap((group) => group.rules)
const page = read('docs/alerts.md')
const sources = globSync('{src,gateway,workers}/**/*.ts', { cwd: root })
  .filter((file) => !file.endsWith('.test.ts') && file !== 'src/platform/metrics.ts')
  .map(read)
  .join('\n')

/** What Prometheus itself adds to every target. */
const ofTargets = ['job', 'instance']

/** Every series that a process exports, with its labels, and the metric that it is of. */
const series = new Map<string, { readonly metric: string; readonly labels: readonly string[] }>([
  ['up', { metric: 'up', labels: ofTargets }],
])
const metrics = createMetrics()
for (const { name: metric, type } of await metrics.registry.getMetricsAsJSON()) {
  const { labelNames } = metrics.registry.getSingleMetric(metric) as unknown as { labelNames: string[] }
  const labels = [...labelNames, ...ofTargets]
  // Of type `histogram` in what is exported, whatever the library's declarations say of its numbers.
  if (String(type) !== 'histogram') series.set(metric, { metric, labels })
  else {
    for (const part of ['count', 'sum']) series.set(`${metric}_${part}`, { metric, labels })
    series.set(`${metric}_bucket`, { metric, labels: [...labels, 'le'] })
  }
}

const words = new Set(['and', 'or', 'unless', 'by', 'offset'])

/** The series that an expression reads, each with its conditions, and the labels that it groups by. */
function partsOf(expr: string) {
  const groupedBy = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/))
  // Whatever is no function, word or number and stands outside of strings, ranges and groupings is read as a series.
  const bare = expr
    .replaceAll(/"[^"]*"/g, '""')
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\boffset \w+/g, ' ')
  const names = [...bare.matchAll(/(?<![\w.])[a-z_]\w*(?!\w|\s*\()/gi)]
    .map(([name]) => name)
    .filter((name) => !words.has(name))
  const conditions = [...expr.matchAll(/(\w+)\{([^}]*)\}/g)].flatMap(([, name = '', list = '']) =>
    [...list.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', , value = '']) => ({
      name,
      label,
      value,
    })),
  )
  return { names, conditions, groupedBy }
}

/** As GitHub makes anchors of headings. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/g, '')
    .replaceAll(' ', '-')

const chapter = page.slice(page.indexOf('\n## Alerts\n') + 1, page.indexOf('\n## What no metric tells\n'))
const sections = new Map(
  chapter
    .split(/^### /m)
    .slice(1)
    .map((text) => [anchorOf(text.slice(0, text.indexOf('\n'))), text]),
)

describe('ops/prometheus/alerts.yml', () => {
  test('[OPS7] has alerts, each with a name of its own, a severity and words', () => {
    expect(rules.length).toBeGreaterThan(20)
    expect(new Set(rules.map((rule) => rule.alert)).size).toBe(rules.length)
    for (const { alert, labels, annotations } of rules) {
      expect(alert).toMatch(/^Switchboard[A-Z]/)
      expect(labels.severity, alert).toMatch(/^(page|warning)$/)
      expect(annotations.summary, alert).toMatch(/\.$/)
      expect(annotations.description, alert).toMatch(/\.$/)
    }
  })

  test.each(rules)('[OPS7] [J3] [J5] $alert reads what the processes export and count', ({ expr }) => {
    const { names, conditions, groupedBy } = partsOf(expr)
    expect(names.length).toBeGreaterThan(0)
    expect(names.filter((name) => !series.has(name))).toEqual([])
    for (const name of names) {
      const metric = series.get(name)?.metric ?? ''
      if (!metric.startsWith('hub_')) continue
      const member = Object.entries(metrics).find(([, one]) => 'name' in one && one.name === metric)?.[0]
      expect(sources, `nobody counts ${metric}`).toMatch(new RegExp(`(\\.|[{,] *)${member}\\b`))
    }
    for (const { name, label, value } of conditions) {
      expect(series.get(name)?.labels, name).toContain(label)
      if (ofTargets.includes(label)) continue
      // Plain values, one or several, are written in the code; patterns are not looked at.
      if (/^[a-z_|]+$/.test(value))
        for (const one of value.split('|'))
          expect(sources, `nobody says ${label} ${one}`).toMatch(new RegExp(`['"]${one}['"]|\\b${one}:`))
    }
    for (const label of groupedBy)
      expect(
        names.some((name) => series.get(name)?.labels.includes(label)),
        label,
      ).toBe(true)
  })

  test.each(rules)('[OPS7] $alert names in its words only labels that it has', ({ expr, annotations }) => {
    const { names, groupedBy } = partsOf(expr)
    const isOne = /\b(sum|max|min|histogram_quantile)\b/.test(expr)
    const has = new Set(isOne ? groupedBy : names.flatMap((name) => series.get(name)?.labels ?? []))
    const said = [...JSON.stringify(annotations).matchAll(/\$labels\.(\w+)/g)].map(([, label = '']) => label)
    expect(said.filter((label) => !has.has(label))).toEqual([])
  })

  test('[OPS7] every alert fires in a case of alerts.test.yml, and no other is asked about there', () => {
    const { tests } = parse(read('ops/prometheus/alerts.test.yml')) as {
      tests: { promql_expr_test: { exp_samples: { labels: string }[] }[] }[]
    }
    const fired = tests
      .flatMap((one) => one.promql_expr_test.flatMap((asked) => asked.exp_samples))
      .map(({ labels }) => /alertname="(\w+)"/.exec(labels)?.[1])
    expect(new Set(fired)).toEqual(new Set(rules.map((rule) => rule.alert)))
  })

  test('[J3] a file that waits is told of on day 2 and pages on day 5, before day 7', () => {
    const days = (alert: string): unknown[] => {
      const found = rules.find((rule) => rule.alert === alert)
      return [
        found?.labels.severity,
        /pending_oldest_seconds\) > (\d) \* 86400$/.exec(found?.expr ?? '')?.[1],
      ]
    }
    expect(days('SwitchboardFilesWait')).toEqual(['warning', '2'])
    expect(days('SwitchboardFilesAboutToBeLost')).toEqual(['page', '5'])
  })
})

describe('docs/alerts.md', () => {
  test.each(rules)('[OPS7] has a section that names $alert', ({ alert, annotations }) => {
    const [file, anchor = ''] = annotations.runbook.split('#')
    expect(file).toBe('docs/alerts.md')
    expect(sections.get(anchor), annotations.runbook).toContain(`\`${alert}\``)
  })

  test('[OPS7] has no section without an alert, and names none that does not exist', () => {
    const asked = new Set(rules.map(({ annotations }) => annotations.runbook.split('#')[1]))
    expect([...sections.keys()].filter((anchor) => !asked.has(anchor))).toEqual([])
    const named = [...page.matchAll(/`(Switchboard[A-Z]\w+)`/g)].map(([, name]) => name)
    expect(new Set(named)).toEqual(new Set(rules.map((rule) => rule.alert)))
  })

  test('[OPS7] names metrics that exist, and the job of the rules', () => {
    for (const [, name = ''] of page.matchAll(/`((?:hub|nodejs|process)_\w+)/g))
      expect(series.has(name) || [...series.values()].some(({ metric }) => metric === name), name).toBe(true)
    const example = parse(/```yaml\n([^]*?)```/.exec(page)?.[1] ?? '') as {
      scrape_configs: { job_name: string }[]
    }
    const jobs = rules.flatMap(({ expr }) => partsOf(expr).conditions.filter(({ label }) => label === 'job'))
    expect(jobs.length).toBeGreaterThan(0)
    for (const { value } of jobs) expect(value).toBe(example.scrape_configs[0]?.job_name)
  })
})
