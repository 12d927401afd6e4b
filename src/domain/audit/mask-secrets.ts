const secretName = /secret|token|password|passphrase|api_?key|webhook_?key|authorization|cookie|credential/i

/** Stands where a secret stood, so that a reader sees that there was one and when it changed hands. */
const mask = '********'

/** A copy in which every member whose name speaks of a secret is masked; one that is empty or null stays as it is. */
export function maskSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(maskSecrets)
  if (value instanceof Date || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      secretName.test(name) && !isEmpty(member) ? mask : maskSecrets(member),
    ]),
  )
}

const isEmpty = (value: unknown): boolean => value === null || value === undefined || value === ''
