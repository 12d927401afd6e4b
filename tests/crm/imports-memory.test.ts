import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ImportView } from '../../src/contract/crm/import.ts'
import { type Hub, startHub } from '../harness/hub.ts'
import { type Running, startPart } from '../harness/processes.ts'
import { type RestClient, restClient } from '../harness/rest-client.ts'
import { get, start, upload } from './bringing.ts'
import { eventually } from '../harness/eventually.ts'

/** `IMPORT_MEMORY_ROWS=100000 npx vitest run tests/crm/imports-memory.test.ts` is the whole proof; some minutes. */
const rows = Number(process.env['IMPORT_MEMORY_ROWS'] ?? 1000)

/** What V8 may keep for long: a process that held more than this of a file would end. */
const heapMb = 128
const heap = { NODE_OPTIONS: `--max-old-space-size=${heapMb}` }
/** What a process may take beyond what it takes for a file of 500 rows, whatever the file: V8 fills what it may before it tidies up. */
const mostGrowthMb = heapMb
/** And what it may take in the second half of a file beyond the first: flat is flat. */
const mostDriftMb = 32

/** Peak of the resident memory of one process since the last reset, in MB. */
const peakOf = ({ pid }: Running): number =>
  Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
const residentOf = ({ pid }: Running): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
/** Seconds of a CPU that it has used; unlike its time, no matter who else is busy. */
const cpuOf = ({ pid }: Running): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
const resetPeak = ({ pid }: Running): void => writeFileSync(`/proc/${pid}/clear_refs`, '5')

function fileOf(count: number): string {
  const lines = Array.from(
    { length: count },
    (_, at) =>
      `Customer ${at},c${at}@example.com,Company ${at % 97},"Street ${at}\n${'lorem ipsum '.repeat(8)}",lead`,
  )
  return `name,email,company,address,status\n${lines.join('\n')}\n`
}

/** Brings a file; `onTenth` is called at each tenth of it. */
async function bringIn(
  rest: RestClient,
  token: string,
  count: number,
  onTenth: () => void = () => {},
): Promise<ImportView> {
  const { id } = await upload(rest, token, fileOf(count))
  await start(rest, token, id)
  let tenths = 0
  return eventually(
    async () => {
      const view = await get(rest, token, id)
      if (view.rowsDone >= ((tenths + 1) * count) / 10) {
        tenths += 1
        onTenth()
      }
      // So that looking does not cost what is measured.
      await pause(100)
      if (view.finishedAt === null) throw new Error(`not at its end: ${JSON.stringify(view)}`)
      return view
    },
    60_000 + count * 20,
  )
}

/** Reads an export as it comes and holds none of it; the lines. */
async function takeOut(hub: Hub, rest: RestClient, token: string, query = ''): Promise<number> {
  const answer = await fetch(`${rest.origin}${hub.config.BASE_PATH}/admin/customers/export${query}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  expect(answer.status).toBe(200)
  let lines = 0
  // Each line ends with the only carriage return in it, wherever the chunks are cut.
  for await (const chunk of answer.body ?? [])
    for (const byte of chunk as Uint8Array) if (byte === 13) lines += 1
  return lines
}

test(
  `[CSV10] ${rows} customers go in and out, and neither process holds more of them than it does of 500`,
  async () => {
    await using hub = await startHub()
    const worker = await startPart(hub, 'workers', { more: heap })
    const server = await startPart(hub, 'rest', { more: { ...heap, PORT: '0' } })
    const rest = restClient(`http://127.0.0.1:${server.port}`, hub.config.BASE_PATH)
    const { token } = await hub.signIn('manager')

    expect(await bringIn(rest, token, 500)).toMatchObject({ state: 'done', created: 500 })
    const workerBefore = peakOf(worker)
    resetPeak(worker)
    const [began, usedBefore] = [performance.now(), cpuOf(worker)]
    const residents: number[] = []
    const note = () => residents.push(Math.round(residentOf(worker)))
    expect(await bringIn(rest, token, rows, note)).toMatchObject({ state: 'done', created: rows, failed: 0 })
    const importSeconds = (performance.now() - began) / 1000
    const cpuSeconds = cpuOf(worker) - usedBefore
    const workerPeak = peakOf(worker)

    expect(await takeOut(hub, rest, token, '?q=Customer%2047')).toBeGreaterThan(10)
    const serverBefore = peakOf(server)
    resetPeak(server)
    const left = performance.now()
    expect(await takeOut(hub, rest, token)).toBe(500 + rows + 1)
    const exportSeconds = (performance.now() - left) / 1000
    const serverPeak = peakOf(server)

    const figures =
      `${rows} rows: import ${importSeconds.toFixed(1)} s (${cpuSeconds.toFixed(1)} s of CPU), worker ${workerBefore.toFixed(0)} -> ${workerPeak.toFixed(0)} MB (at each tenth ${residents.join(' ')}); ` +
      `export ${exportSeconds.toFixed(1)} s, REST ${serverBefore.toFixed(0)} -> ${serverPeak.toFixed(0)} MB`
    console.log(figures)
    expect(workerPeak - workerBefore, figures).toBeLessThan(mostGrowthMb)
    expect(Math.max(...residents.slice(5)) - Math.max(...residents.slice(0, 5)), figures).toBeLessThan(
      mostDriftMb,
    )
    expect(serverPeak - serverBefore, figures).toBeLessThan(mostGrowthMb)
  },
  120_000 + rows * 30,
)
