import { type Logger as PinoLogger, pino } from 'pino'
import type { Config } from './config.ts'

export type Logger = PinoLogger

/** JSON lines on standard output, without secrets: tokens, keys and cookies are cut wherever they could stand. */
export function createLogger(config: Pick<Config, 'LOG_LEVEL'>, name: string): Logger {
  return pino({
    name,
    level: config.LOG_LEVEL,
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: [
        'req.headers.authorization',
        'req.headers.cookie',
        'req.headers["x-webhook-secret"]',
        'req.headers["x-hub-signature-256"]',
        '*.token',
        '*.secret',
        '*.secrets',
        '*.apikey',
        '*.accessToken',
        '*.appSecret',
      ],
      censor: '[cut]',
    },
  })
}
