import type { Command } from './command.ts'

/** A command's line in the list; its code is loaded when it is called, so that the others cost it nothing. */
export interface Entry {
  readonly summary: string
  load(): Promise<Command>
}

/** Every command, in the order of the list. A new one is a file of its own and an entry here. */
export const commands: Readonly<Record<string, Entry>> = {
  doctor: {
    summary: 'Look whether everything is as it must be.',
    load: async () => (await import('./doctor.ts')).doctor,
  },
  config: {
    summary: 'Print or check the configuration.',
    load: async () => (await import('./config.ts')).config,
  },
  migrate: {
    summary: 'Bring the schema up or down, or begin a migration.',
    load: async () => (await import('./migrate.ts')).migrate,
  },
  tenant: {
    summary: 'Make, list, suspend and resume tenants.',
    load: async () => (await import('./tenant.ts')).tenant,
  },
  user: {
    summary: 'List users, change their role, shut them out and let them in.',
    load: async () => (await import('./user.ts')).user,
  },
  key: {
    summary: 'Make, list and revoke API keys.',
    load: async () => (await import('./key.ts')).key,
  },
  operator: {
    summary: 'Make, list and revoke keys with which the installation is operated over REST.',
    load: async () => (await import('./operator-keys.ts')).operator,
  },
  token: {
    summary: 'Make a token for development and demos.',
    load: async () => (await import('./token.ts')).token,
  },
  simulate: {
    summary: 'Play WhatsApp, with customers who write.',
    load: async () => (await import('./simulate.ts')).simulate,
  },
  replay: {
    summary: "Print a tenant's events.",
    load: async () => (await import('./replay.ts')).replay,
  },
  redrive: {
    summary: 'List what got stuck, and try it again.',
    load: async () => (await import('./redrive.ts')).redrive,
  },
  'verify-log': {
    summary: 'Check the event log for holes and events that make no sense.',
    load: async () => (await import('./verify-log.ts')).verifyLog,
  },
  'verify-audit': {
    summary: 'Check that no entry of the audit trail was altered, taken out or put in.',
    load: async () => (await import('./verify-audit.ts')).verifyAudit,
  },
  log: {
    summary: 'Begin a new epoch after the past was rewritten.',
    load: async () => (await import('./log.ts')).log,
  },
}
