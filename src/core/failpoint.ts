/**
 * Places where the crash programme can strike. Nothing happens unless BERTH_FAILPOINTS is set, as `name=action[,name=action…]`
 * with the actions `kill` (SIGKILL to this process), `error:CODE` (an error with that code), `sleep:MS`, and each may be
 * prefixed `N*` to strike at the Nth hit only, counted from 1.
 */
export const FAILPOINTS = [
  'upload.before-intent',
  'upload.after-intent',
  'upload.after-append',
  'upload.after-seal',
  'upload.before-finish',
  'upload.after-finish',
  'upload.before-advance',
  'upload.after-advance',
  'upload.after-abort',
  'blob.created',
  'blob.first-write',
  'blob.mid-write',
  'blob.after-datasync',
  'blob.after-dirsync',
  'mount.before',
  'mount.after',
  'manifest.before',
  'manifest.after',
  'delete.before',
  'delete.after',
  'tx.begun',
  'tx.before-commit',
  'tx.after-commit',
  'reap.before-storage',
  'reap.after-storage',
  'reap.after-rows',
  'sweep.after',
  'collect.before-repositories',
  'collect.before-manifests',
  'collect.before-links',
  'collect.before-blobs',
  'collect.before-history',
  'collect.before-end',
] as const

export type Failpoint = (typeof FAILPOINTS)[number]

interface Armed {
  readonly action: string
  /** Strike at this hit only; 0 strikes at every one. */
  readonly at: number
  hits: number
}

const armed = parse(process.env.BERTH_FAILPOINTS)

function parse(text: string | undefined): Map<string, Armed> | undefined {
  if (!text) return undefined
  const table = new Map<string, Armed>()
  for (const part of text.split(',')) {
    const [name = '', spec = ''] = part.split('=')
    if (!(FAILPOINTS as readonly string[]).includes(name))
      throw new Error(`BERTH_FAILPOINTS: no failpoint is named ${name}`)
    const counted = /^(\d+)\*(.*)$/.exec(spec)
    table.set(name, { action: counted?.[2] ?? spec, at: Number(counted?.[1] ?? 0), hits: 0 })
  }
  return table
}

/** Strikes when the point is armed; await the result. */
export function failpoint(name: Failpoint): Promise<void> | undefined {
  return armed === undefined ? undefined : strike(name)
}

async function strike(name: Failpoint): Promise<void> {
  const point = armed?.get(name)
  if (point === undefined) return
  point.hits++
  if (point.at !== 0 && point.at !== point.hits) return
  const [verb, argument = ''] = point.action.split(':')
  if (verb === 'kill') process.kill(process.pid, 'SIGKILL')
  else if (verb === 'error')
    throw Object.assign(new Error(`failpoint ${name}: ${argument}`), { code: argument })
  else if (verb === 'sleep') await new Promise((resolve) => setTimeout(resolve, Number(argument)))
  else throw new Error(`BERTH_FAILPOINTS: ${name} has no action ${point.action}`)
}
