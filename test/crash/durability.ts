import type { SystemCall } from './tracer.ts'

/** System calls that the rules below look at. */
export const WATCHED = [
  'openat',
  'write',
  'writev',
  'pwrite64',
  'pwritev',
  'fdatasync',
  'fsync',
  'sendto',
  'sendmsg',
] as const

/** An answer that promises durability, at the moment it was sent. */
export interface Acknowledgement {
  readonly status: 201 | 202
  /** Path of what was made; undefined where something was deleted. */
  readonly location: string | undefined
  readonly sent: number
}

const ANSWER = /HTTP\/1\.1 (201|202) /
const LOCATION = /\\r\\nLocation: ([^\\]+)\\r\\n/i

const isSync = ({ name, result }: SystemCall) => (name === 'fdatasync' || name === 'fsync') && result === 0
/** strace shows a descriptor with its path: `17</data/blobs/0a/0a3f…>`. */
const isOn = ({ args }: SystemCall, path: string) => args.includes(`<${path}>`)

/** The success answers in a trace, in the order they were sent. */
export function acknowledgements(calls: readonly SystemCall[]): Acknowledgement[] {
  return calls.flatMap(({ args, start }) => {
    const status = ANSWER.exec(args)?.[1]
    if (status === undefined) return []
    return [{ status: Number(status) as 201 | 202, location: LOCATION.exec(args)?.[1], sent: start }]
  })
}

/**
 * What a blob's acknowledgement did not wait for, or undefined: all its bytes synced, its name synced, and then – begun only after
 * both – a sync of the database's log.
 */
export function unsyncedBlob(
  calls: readonly SystemCall[],
  file: string,
  databaseSyncs: readonly SystemCall[],
  { sent }: Acknowledgement,
): string | undefined {
  const before = calls.filter((call) => call.end <= sent)
  const created = before.find(
    ({ name, args }) => name === 'openat' && args.includes(file) && args.includes('O_CREAT'),
  )
  if (created === undefined) return `${file} was never made`
  const lastWrite = before.findLast((call) => /write/.test(call.name) && isOn(call, file))
  const bytes = before.find(
    (call) => isSync(call) && isOn(call, file) && call.start >= (lastWrite?.end ?? created.end),
  )
  if (bytes === undefined) return `the bytes of ${file} were not synced`
  const folder = file.slice(0, file.lastIndexOf('/'))
  const name = before.find((call) => isSync(call) && isOn(call, folder) && call.start >= created.end)
  if (name === undefined) return `the name of ${file} was not synced`
  const ready = Math.max(bytes.end, name.end)
  if (!syncedBetween(databaseSyncs, ready, sent)) return `the row of ${file} was not synced after its bytes`
  return undefined
}

/** Whether a sync began and ended within a time. */
export function syncedBetween(syncs: readonly SystemCall[], from: number, to: number): boolean {
  return syncs.some((call) => isSync(call) && call.start >= from && call.end <= to)
}

/** Syncs of a database's log: SQLite's beside the database, PostgreSQL's in its own folder. */
export function logSyncs(calls: readonly SystemCall[]): SystemCall[] {
  return calls.filter(
    (call) => isSync(call) && /<[^>]*(?:berth\.db-wal|\/pg_wal\/[0-9A-F]+)>/.test(call.args),
  )
}
