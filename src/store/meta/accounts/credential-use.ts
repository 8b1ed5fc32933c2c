import type { AccountStore, LastUse } from '../account-store.ts'
import type { Tx, Value } from '../driver.ts'
import { MAX_AGENT } from './audit.ts'

type Use = LastUse & { readonly credential: number }

/** How many are written by one statement: one, or up to so many. */
const TOGETHER = 64
const COLUMNS = 4

/** Few texts, so that the caches of prepared statements stay small. */
function statementFor(count: number): string {
  const rows = Array.from({ length: count }, (_, row) => {
    const [id, at, address, agent] = Array.from({ length: COLUMNS }, (_, at) => `$${row * COLUMNS + at + 1}`)
    return `(CAST(${id} AS bigint), CAST(${at} AS bigint), ${address}, ${agent})`
  })
  return `WITH use (id, at, address, agent) AS (VALUES ${rows.join(',')})
    UPDATE credential SET used_at = use.at, used_address = use.address, used_agent = use.agent
    FROM use WHERE credential.id = use.id AND coalesce(credential.used_at, -1) < use.at`
}

const ONE = statementFor(1)
const MANY = statementFor(TOGETHER)

/** See AccountStore.touchCredentials. */
export async function touchCredentials(tx: Tx, uses: readonly Use[]): Promise<void> {
  const newest = new Map<number, Use>()
  for (const use of uses) {
    const known = newest.get(use.credential)
    if (known === undefined || known.at < use.at) newest.set(use.credential, use)
  }
  // By number, so that replicas which note the same ones seldom wait for each other.
  const left = [...newest.values()].sort((a, b) => a.credential - b.credential)
  for (let at = 0; at < left.length; at += TOGETHER) {
    const piece = left.slice(at, at + TOGETHER)
    const values = piece.flatMap(valuesOf)
    const last = valuesOf(piece[piece.length - 1] as Use)
    const size = piece.length === 1 ? 1 : TOGETHER
    for (let missing = size - piece.length; missing > 0; missing--) values.push(...last)
    await tx.run(size === 1 ? ONE : MANY, values)
  }
}

function valuesOf({ credential, at, address, agent }: Use): Value[] {
  return [credential, at, address, agent.slice(0, MAX_AGENT)]
}

const USE_ASSERTION = `INSERT INTO used_assertion (id, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING`

/** See AccountStore.useAssertion. */
export async function useAssertion(
  tx: Tx,
  { id, expiresAt }: Parameters<AccountStore['useAssertion']>[0],
): Promise<boolean> {
  return (await tx.run(USE_ASSERTION, [id, expiresAt])) === 1
}
