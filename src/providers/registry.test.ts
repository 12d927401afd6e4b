import { expect, test } from 'vitest'
import { providerNames } from './port.ts'
import { providers } from './registry.ts'

test('every provider name has its adapter, under its own name', () => {
  expect(Object.keys(providers).sort()).toEqual([...providerNames].sort())
  for (const name of providerNames) expect(providers[name].name).toBe(name)
})
