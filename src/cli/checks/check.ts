import { reasonOf } from '../failure.ts'

/** What a look at one thing found. */
export interface Check {
  readonly area: 'machine' | 'PostgreSQL' | 'Redis' | 'object store' | 'work'
  readonly name: string
  readonly status: 'ok' | 'warn' | 'fail'
  readonly found: string
  /** What to do about it; only when it is not ok. */
  readonly advice?: string
}

/** A judgement: `ok` needs no advice, everything else does. */
export type Verdict = Pick<Check, 'found'> &
  ({ readonly status: 'ok' } | { readonly status: 'warn' | 'fail'; readonly advice: string })

export const ok = (found: string): Verdict => ({ status: 'ok', found })
export const warn = (found: string, advice: string): Verdict => ({ status: 'warn', found, advice })
export const fail = (found: string, advice: string): Verdict => ({ status: 'fail', found, advice })

/** Looks; what is thrown is a finding too. */
export async function look(
  area: Check['area'],
  name: string,
  judge: () => Verdict | Promise<Verdict>,
  adviceWhenThrown: string,
): Promise<Check> {
  try {
    return { area, name, ...(await judge()) }
  } catch (error) {
    return { area, name, ...fail(reasonOf((error as { cause?: unknown }).cause ?? error), adviceWhenThrown) }
  }
}
