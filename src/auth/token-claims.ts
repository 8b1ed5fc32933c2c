import { type Actor, ANONYMOUS, type TokenAccess } from '../core/context.ts'
import type { VerifiedToken } from './token-verifier.ts'

/** What tokens of ours say. Times are whole seconds since the epoch. */
export interface Claims {
  readonly iss: string
  readonly aud: string
  /** `account:<number>`; empty for a token of nobody. */
  readonly sub: string
  readonly iat: number
  readonly nbf: number
  readonly exp: number
  readonly jti: string
  /** Of the account. */
  readonly name?: string
  /** The credential the token was made for: it ends with that. */
  readonly cid?: number
  /** Of a registry token. */
  readonly access?: readonly ClaimedAccess[]
  /** Of a token that stands for its credential. */
  readonly use?: 'login'
}

interface ClaimedAccess {
  readonly type: 'repository' | 'registry'
  readonly name: string
  readonly actions: readonly string[]
  /** The repository's identity. */
  readonly id?: string
}

const SUBJECT = /^account:([1-9][0-9]{0,15})$/
const EXPECTED = ['iss', 'aud', 'sub', 'iat', 'nbf', 'exp', 'jti']
const OPTIONAL = ['name', 'cid', 'access', 'use']

/** An entry as it is claimed. */
export function claimedAccess({ type, name, actions, identity }: TokenAccess): ClaimedAccess {
  return { type, name, actions, ...(identity !== undefined && { id: identity }) }
}

/**
 * Reads claims whose signature is good; undefined where they are not exactly of the shape this server writes: a claim that is missing, of
 * another type, or unknown – it might be a bound that another version knows.
 */
export function readClaims(claims: unknown): VerifiedToken | undefined {
  if (!hasOnly(claims, EXPECTED, OPTIONAL)) return undefined
  const { iss, aud, sub, jti, iat, nbf, exp, name, cid, access, use } = claims
  if (![iss, aud, sub, jti].every((text) => typeof text === 'string')) return undefined
  if (![iat, nbf, exp].every(isTime)) return undefined
  const signsIn = use === 'login'
  // A token is one or the other: a list of what it is for, or the word that it is for everything.
  if (signsIn ? access !== undefined : use !== undefined) return undefined
  const entries = signsIn ? undefined : readAccess(access)
  if (!signsIn && entries === undefined) return undefined
  if (sub === '') {
    if (entries === undefined || name !== undefined || cid !== undefined) return undefined
    return { actor: { ...ANONYMOUS, access: entries }, use: 'registry' }
  }
  const account = Number(SUBJECT.exec(sub as string)?.[1])
  if (!Number.isSafeInteger(account)) return undefined
  if (typeof name !== 'string' || name === '') return undefined
  if (!Number.isSafeInteger(cid) || (cid as number) < 1) return undefined
  const actor: Actor = {
    kind: 'account',
    id: `account:${account}`,
    account,
    name,
    credential: cid as number,
    until: (exp as number) * 1000,
    ...(entries !== undefined && { access: entries }),
  }
  return { actor, use: signsIn ? 'login' : 'registry' }
}

function readAccess(claimed: unknown): TokenAccess[] | undefined {
  if (!Array.isArray(claimed)) return undefined
  const entries: TokenAccess[] = []
  for (const entry of claimed as unknown[]) {
    if (!hasOnly(entry, ['type', 'name', 'actions'], ['id'])) return undefined
    const { type, name, actions, id } = entry
    if (type !== 'repository' && type !== 'registry') return undefined
    if (typeof name !== 'string' || (id !== undefined && typeof id !== 'string')) return undefined
    if (!Array.isArray(actions) || !actions.every((action) => typeof action === 'string')) return undefined
    entries.push({ type, name, actions, ...(id !== undefined && { identity: id }) })
  }
  return entries
}

/** A plain object with all of the first keys and none besides them but of the second. */
export function hasOnly(
  value: unknown,
  expected: readonly string[],
  optional: readonly string[],
): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const keys = Object.keys(value)
  return (
    expected.every((key) => Object.hasOwn(value, key)) &&
    keys.every((key) => expected.includes(key) || optional.includes(key))
  )
}

function isTime(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}
