import type { Cause } from '../store/meta/access-store.ts'
import type { AccountStore } from '../store/meta/account-store.ts'
import { makeLink, type NewLink } from './links.ts'
import type { PasswordHasher } from './password-hash.ts'
import { passwordProblem } from './password-rules.ts'

/** The account that BERTH_ADMIN_PASSWORD makes. */
export const FIRST_ADMINISTRATOR = 'admin'

/** What of the settings makes no first administrator, as a sentence for whoever starts the server. */
export class FirstStartError extends Error {
  override readonly name = 'FirstStartError'
}

export type FirstStart =
  /** There is an administrator already. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'made'; readonly name: string }
  /** For the log: whoever opens it becomes administrator. */
  | { readonly kind: 'link'; readonly link: NewLink }

export interface FirstStartOptions {
  readonly accounts: Pick<AccountStore, 'countAdministrators' | 'createUser' | 'createLink'>
  readonly hasher: PasswordHasher
  /** BERTH_ADMIN_PASSWORD. */
  readonly adminPassword: string | undefined
  readonly passwordMinLength: number
  /** Where browsers reach this server. */
  readonly origin: string
  readonly now: number
}

/**
 * Sees to it that somebody can become administrator (SE-14: there is no password that everyone knows). Each start without one makes the
 * former link void. Throws FirstStartError for a password that cannot be one, or an account `admin` that is no administrator.
 */
export async function firstStart(options: FirstStartOptions): Promise<FirstStart> {
  const { accounts, adminPassword, origin, now } = options
  if ((await accounts.countAdministrators()) > 0) return { kind: 'ready' }
  const cause: Cause = { now, actor: 'operator', address: '', agent: '', requestId: '' }
  if (adminPassword !== undefined) return makeAdministrator(options, adminPassword, cause)
  const link = await makeLink(accounts, { kind: 'administrator' }, { origin, cause })
  if (link === undefined) throw new Error('the link for the first administrator could not be made')
  return { kind: 'link', link }
}

async function makeAdministrator(
  { accounts, hasher, passwordMinLength }: FirstStartOptions,
  adminPassword: string,
  cause: Cause,
): Promise<FirstStart> {
  const name = FIRST_ADMINISTRATOR
  const problem = passwordProblem(adminPassword, name, passwordMinLength)
  if (problem !== undefined) throw new FirstStartError(`BERTH_ADMIN_PASSWORD: ${problem}`)
  const password = await hasher.hash(adminPassword)
  const { outcome } = await accounts.createUser({ name, administrator: true, password, adopt: true }, cause)
  if (outcome === 'created') return { kind: 'made', name }
  // Another replica may have been faster.
  if ((await accounts.countAdministrators()) > 0) return { kind: 'ready' }
  throw new FirstStartError(
    `BERTH_ADMIN_PASSWORD: there is an account ${name} already, and it is no administrator who can sign in; start without it to get a link that makes another one`,
  )
}
