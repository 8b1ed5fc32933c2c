import { isNetwork } from '../../auth/networks.ts'
import type { Cause } from '../../store/meta/access-store.ts'
import type { Credential, CredentialKind, NewCredential } from '../../store/meta/account-store.ts'
import type { ApiParts } from '../handler.ts'
import { absent, conflict, Refusal } from '../problem.ts'
import { idFrom, invalidMember } from '../values.ts'

/** Credentials of one kind that an account may have. */
export const MAX_CREDENTIALS = 1000

/** What credentials are called. */
const WORDS = {
  password: 'password',
  token: 'token',
  secret: 'secret',
  key: 'key',
  session: 'session',
  refresh: 'refresh token',
} as const satisfies Record<CredentialKind, string>

type Store = Pick<ApiParts, 'store'>

/** Those of one kind that an account has, newest first. */
export function credentialsOf(
  { store }: Store,
  account: string,
  kind: CredentialKind,
): Promise<Credential[]> {
  return store.listCredentials(account, [kind])
}

/** A credential of an account by the number in a path, gone. Refuses `absent`. */
export async function revokeCredential(
  { store }: Store,
  account: string,
  kind: CredentialKind,
  number: string,
  cause: Cause,
): Promise<void> {
  const none = () => absent(`${account} has no ${WORDS[kind]} ${number}; list them to see their numbers`)
  const id = idFrom(number, none)
  if ((await store.deleteCredential({ account, kinds: [kind], id }, cause)) === 'absent') throw none()
}

/**
 * Adds a credential; `before`: those there are of its kind. Refuses `absent` where there is no account of that name, `conflict` for a name
 * that one of them has, `rule-violated` for one too many.
 */
export async function addCredential(
  { store }: Store,
  account: string,
  credential: NewCredential,
  before: readonly Credential[],
  cause: Cause,
): Promise<Credential> {
  const word = WORDS[credential.kind]
  if (before.length >= MAX_CREDENTIALS) {
    throw new Refusal(
      'rule-violated',
      `${account} has ${before.length} ${word}s, and no more are kept; revoke some that are not used`,
    )
  }
  const made = await store.createCredential({ account, credential }, cause)
  if (made.outcome === 'absent') throw absent(`there is no user ${account}`)
  if (made.outcome !== 'created') {
    const named = before.some(({ name }) => name === credential.name)
    if (credential.kind === 'key' && !named)
      throw conflict('this public key is registered already, for another account; make a new pair')
    throw conflict(
      `${account} has a ${word} ${credential.name} already, or it is in use elsewhere, and its secret was shown once; choose another name, or revoke the one there is`,
    )
  }
  const stored = (await credentialsOf({ store }, account, credential.kind)).find(({ id }) => id === made.id)
  if (stored === undefined) throw absent(`the ${word} ${credential.name} of ${account} was revoked meanwhile`)
  return stored
}

/** The networks a credential is bound to; undefined: none. Refuses `request-invalid`. */
export function networksFrom(networks: readonly string[] | undefined): string[] | undefined {
  if (networks === undefined || networks.length === 0) return undefined
  for (const [at, network] of networks.entries()) {
    if (!isNetwork(network)) {
      throw invalidMember(
        `networks.${at}`,
        `${JSON.stringify(network)} is no address and no network; write 192.0.2.7 or 2001:db8::/32`,
      )
    }
  }
  return [...networks]
}
