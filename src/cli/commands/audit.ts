import type { Command } from 'commander'
import type { AuditAction } from '../../core/audit-actions.ts'
import { allOf, remote } from '../command.ts'
import { parseAction, parseCount, parseSince } from '../parse.ts'

/** Rows that are shown unless told. */
const ROWS = 50
/** Letters of a row's detail that are shown; `--json` has all. */
const DETAIL = 80

/** `berth audit` */
export function auditCommand(command: Command): void {
  remote<{
    namespace?: string
    actor?: string
    action?: AuditAction
    since?: string
    until?: string
    limit: number
  }>(
    command
      .option('--namespace <name>', 'of this namespace, which its owners may ask; else of the whole site')
      .option('--actor <name>', 'what this one did')
      .option('--action <action>', 'only this, such as grant.set or login', parseAction)
      .option('--since <when>', 'not before: 24h ago, 2027-01-31', parseSince)
      .option('--until <when>', 'not after', parseSince)
      .option('-n, --limit <number>', 'at most so many', parseCount, ROWS),
    async ({ api, out }, { namespace, actor, action, since, until, limit }) => {
      const filter = {
        ...(actor !== undefined && { actor }),
        ...(action !== undefined && { action }),
        ...(since !== undefined && { since }),
        ...(until !== undefined && { until }),
      }
      const rows = await allOf(
        (page) =>
          namespace === undefined
            ? api.call('GET /audit', { query: { ...page, ...filter } })
            : api.call('GET /namespaces/{namespace}/audit', {
                path: { namespace },
                query: { ...page, ...filter },
              }),
        limit,
      )
      out.list(rows, [
        ['WHEN', ({ at }) => at.slice(0, 19).replace('T', ' ')],
        ['ACTOR', (row) => row.actor],
        ['ACTION', (row) => row.action],
        ['TARGET', ({ target }) => target],
        ['RESULT', ({ result }) => result],
        ['FROM', ({ address }) => address],
        ['DETAIL', ({ detail }) => shortly(detail)],
      ])
    },
  )
}

/** What a row tells beside its columns, as `name=value`: why a login was refused, which verbs a grant gives. */
function shortly(detail: Readonly<Record<string, unknown>> = {}): string {
  const text = Object.entries(detail)
    .map(([name, value]) => `${name}=${plain(name, value)}`)
    .join(' ')
  return text.length > DETAIL ? `${text.slice(0, DETAIL - 1)}…` : text
}

function plain(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && name.endsWith('At')) return new Date(value).toISOString().slice(0, 16)
  const texts = Array.isArray(value) && value.every((each) => typeof each === 'string')
  return texts ? value.join(',') : JSON.stringify(value)
}
