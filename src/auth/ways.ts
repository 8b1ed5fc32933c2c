import { isAccountName } from '../core/account-names.ts'
import type { Call } from '../core/context.ts'
import type { AccountStore, FoundCredential } from '../store/meta/account-store.ts'
import type { LoginName } from './aliases.ts'
import type { AssertionCheck } from './assertion.ts'
import { lookupOfKeyFile, readKeyFile, readKeyFileBase64 } from './key-file.ts'
import type { LoginRefusal } from './login-audit.ts'
import type { PasswordCheck } from './password-check.ts'
import { MAX_PASSWORD } from './password-rules.ts'
import { looksLikeJwt, looksLikeSecret, lookupOf, type SecretKind, secretKind } from './secrets.ts'
import type { TokenVerifier } from './token-verifier.ts'

/*
 * The ways from a secret to the credential it proves. A new way – a single sign-on, a directory – is one more function here: it finds a
 * credential or says why not; whether the account may be let in with it is asked in one place for all of them (authenticator.ts).
 */

/** What the ways ask. */
export interface Sources {
  readonly accounts: Pick<AccountStore, 'findCredential' | 'findPassword' | 'readCredential'>
  readonly passwords: PasswordCheck
  readonly assertions: AssertionCheck
  readonly tokens: TokenVerifier
  /** Whom assertions may be for besides the addresses of this server's token end-point: its `service`. */
  readonly service: string
}

/** A credential that was proved, or why none was; `account`: whose it would have been, if that is somebody's. */
export type Proof =
  /** `until`: the proof was a token that ends then, in ms since the epoch, while the credential may live on. */
  | { readonly found: FoundCredential; readonly until?: number }
  | { readonly found?: undefined; readonly reason: LoginRefusal; readonly account?: string }

const UNKNOWN: Proof = { reason: 'unknown' }
/** Where tokens are asked for; an assertion may name any of these addresses as its audience. */
const TOKEN_PATHS = ['/token', '/v2/token', '/v2/auth', '/service/token', '/oauth2/token', '']

/** A personal access token or a robot's secret. */
export async function bySecret(
  { accounts }: Sources,
  secret: string,
  now: number,
  kinds: readonly SecretKind[] = ['token', 'secret'],
): Promise<Proof> {
  const kind = secretKind(secret)
  if (kind === undefined || !kinds.includes(kind)) return UNKNOWN
  // A secret says what kind it is; a row of another kind is no row of it.
  return proofAt(now, (at) => accounts.findCredential(lookupOf(secret), at), kind)
}

/** Proves a credential of a kind that is found as of a time. Where none is good, one that is over and not swept yet says whose it was. */
async function proofAt(
  now: number,
  find: (at: number) => Promise<FoundCredential | undefined>,
  kind?: SecretKind | 'key',
): Promise<Proof> {
  const isOf = (found: FoundCredential | undefined): found is FoundCredential =>
    found !== undefined && (kind === undefined || found.kind === kind)
  const found = await find(now)
  if (isOf(found)) return { found }
  const over = await find(0)
  return isOf(over) ? { reason: 'expired', account: over.accountName } : UNKNOWN
}

/** A name and what goes with it, whatever it is. */
export async function byLogin(
  sources: Sources,
  login: LoginName,
  secret: string,
  now: number,
): Promise<Proof> {
  if (login.kind === 'key-file') return byKeyFile(sources, login, secret, now)
  if (isGuessable(login, secret)) return byPassword(sources, login.name, secret, now)
  const proof = looksLikeJwt(secret)
    ? await byLoginToken(sources, secret, now)
    : await bySecret(sources, secret, now)
  return ofAccount(proof, login)
}

/** Whether it is a password, which people choose: everything else is too long to be guessed. */
export function isGuessable(login: LoginName, secret: string): boolean {
  return login.kind === 'account' && !looksLikeSecret(secret) && !looksLikeJwt(secret)
}

async function byPassword(sources: Sources, name: string, password: string, now: number): Promise<Proof> {
  // Says nothing about accounts: none can have such a name or password, and a robot has none.
  if (!isAccountName(name) || password === '' || password.length > MAX_PASSWORD) return UNKNOWN
  const found = await sources.accounts.findPassword(name)
  const right = await sources.passwords.check(name, password, found?.verifier, now)
  if (found === undefined) return UNKNOWN
  return right ? { found } : { reason: 'wrong', account: found.accountName }
}

async function byKeyFile(
  { accounts }: Sources,
  login: LoginName & { readonly kind: 'key-file' },
  secret: string,
  now: number,
): Promise<Proof> {
  const file = login.base64 ? readKeyFileBase64(secret) : readKeyFile(secret)
  const lookup = file === undefined ? undefined : lookupOfKeyFile(file)
  if (file === undefined || lookup === undefined) return UNKNOWN
  const proof = await proofAt(now, (at) => accounts.findCredential(lookup, at), 'key')
  return ofAccount(proof, { kind: 'account', name: file.account })
}

/** A token that stands for a credential for an hour or so, as long as that lives. */
export async function byLoginToken(sources: Sources, token: string, now: number): Promise<Proof> {
  const verified = await sources.tokens.verify(token, now)
  if (verified?.use !== 'login' || verified.actor.kind !== 'account') return UNKNOWN
  const { account, credential, until } = verified.actor
  const proof = await proofAt(now, (at) => sources.accounts.readCredential(credential, at))
  if (proof.found === undefined) return proof
  if (proof.found.account !== account) return UNKNOWN
  return { ...proof, ...(until !== undefined && { until }) }
}

/** An assertion signed by a key. */
export async function byAssertion(
  { accounts, assertions, service }: Sources,
  call: Call,
  assertion: string,
  now: number,
): Promise<Proof> {
  const lookup = assertions.lookup(assertion)
  if (lookup === undefined) return UNKNOWN
  const proof = await proofAt(now, (at) => accounts.findCredential(lookup, at), 'key')
  const { found } = proof
  if (found === undefined) return proof
  const audiences = [service, ...TOKEN_PATHS.map((path) => call.origin + path)]
  const good = await assertions.check(assertion, found, audiences, now)
  return good ? { found } : { reason: 'wrong', account: found.accountName }
}

function ofAccount(proof: Proof, login: LoginName): Proof {
  const { found } = proof
  if (found === undefined || login.kind === 'alias' || login.name === found.accountName) return proof
  return { reason: 'name', account: found.accountName }
}
