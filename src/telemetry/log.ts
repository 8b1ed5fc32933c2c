import type { Log, LogFields } from '../core/log.ts'
import { LineWriter } from './line-writer.ts'

const LEVELS = { error: 0, warn: 1, info: 2, debug: 3 } as const
export type LogLevel = keyof typeof LEVELS

const COLOURS = { error: '\x1b[31m', warn: '\x1b[33m', info: '\x1b[36m', debug: '\x1b[90m' } as const
const RESET = '\x1b[0m'

/** One request, as the access log tells it. */
export interface AccessLine {
  readonly id: string
  readonly client: string
  /** Whose request it is; undefined for nobody's. */
  readonly account: string | undefined
  readonly method: string
  readonly path: string
  readonly route: string
  readonly status: number
  /** Bytes of the answer's body as announced; undefined for streams. */
  readonly bytes: number | undefined
  /** Bytes of the request's body that arrived. */
  readonly received: number
  /** ms until the answer's head was ready. */
  readonly ms: number
  readonly agent: string
  /** Why it was refused, in one word; undefined where it was not. */
  readonly refusal: string | undefined
}

export interface Logger extends Log {
  access(line: AccessLine): void
  /** Writes everything that waits, at once. */
  flush(): void
}

/** A log of JSON lines, or of readable ones, to a file descriptor. */
export function createLog(options: {
  level: LogLevel
  json: boolean
  fd?: number
  colour?: boolean
}): Logger {
  const out = new LineWriter(options.fd ?? 1)
  const threshold = LEVELS[options.level]

  function emit(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LEVELS[level] > threshold) return
    const time = new Date().toISOString()
    out.line(
      options.json
        ? JSON.stringify({ time, level, msg: message, ...fields })
        : readable(level, time, message, fields),
    )
    if (level === 'error') out.flush()
  }

  function readable(level: LogLevel, time: string, message: string, fields: LogFields): string {
    const [on, off] = options.colour ? [COLOURS[level], RESET] : ['', '']
    const rest = Object.entries(fields).filter(
      ([, value]) => value !== undefined && value !== null && value !== '',
    )
    const tail = rest
      .map(([key, value]) => ` ${key}=${typeof value === 'string' ? quoted(value) : value}`)
      .join('')
    return `${time.slice(11, 23)} ${on}${level.padEnd(5)}${off} ${message}${tail}`
  }

  return {
    error: (message, fields) => emit('error', message, fields),
    warn: (message, fields) => emit('warn', message, fields),
    info: (message, fields) => emit('info', message, fields),
    debug: (message, fields) => emit('debug', message, fields),
    access(line) {
      if (threshold < LEVELS.info) return
      if (options.json) out.line(accessJson(line))
      else out.line(accessText(line))
    },
    flush: () => out.flush(),
  }
}

let second = 0
let prefix = ''

/** ISO time; the part up to the second is made once a second. */
function isoNow(): string {
  const now = Date.now()
  const whole = Math.floor(now / 1000)
  if (whole !== second) {
    second = whole
    prefix = new Date(whole * 1000).toISOString().slice(0, 20)
  }
  const ms = now % 1000
  return `${prefix}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
}

/** By hand: this line is written for every request, and only path and agent hold a client's text. */
function accessJson(line: AccessLine): string {
  return `{"time":"${isoNow()}","level":"info","msg":"request","id":"${line.id}","client":"${line.client}"${line.account === undefined ? '' : `,"account":${jsonText(line.account)}`},"method":"${line.method}","path":${jsonText(line.path)},"route":"${line.route}","status":${line.status},"bytes":${line.bytes ?? 'null'}${line.received === 0 ? '' : `,"received":${line.received}`},"ms":${Math.round(line.ms * 1000) / 1000},"agent":${jsonText(line.agent)}${line.refusal === undefined ? '' : `,"refusal":"${line.refusal}"`}}`
}

/** Nothing to escape, as good as always; asking costs a fifth of escaping. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

function jsonText(value: string): string {
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value)
}

function accessText(line: AccessLine): string {
  const sent = line.bytes ? ` ${line.bytes}B` : ''
  const received = line.received > 0 ? ` +${line.received}B` : ''
  const refusal = line.refusal === undefined ? '' : ` ${line.refusal}`
  const account = line.account === undefined ? '' : ` ${quoted(line.account)}`
  return `${isoNow().slice(11, 23)} ${line.status} ${line.method} ${quoted(line.path)}${refusal}${received}${sent} ${line.ms.toFixed(1)}ms ${line.client}${account} ${line.id}`
}

/** A client's text may hold anything but must not steer a terminal. */
function quoted(value: string): string {
  return /^[\x21\x23-\x7e]+$/.test(value) ? value : JSON.stringify(value).replace(STEERING, escaped)
}

/** What JSON leaves as it is though terminals obey it: DEL, the C1 controls, line and paragraph ends, turned text. */
const STEERING = /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
