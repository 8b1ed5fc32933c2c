import { createPublicKey } from 'node:crypto'
import { keyIdOf, keyLookup, newKey } from '../../auth/key-file.ts'
import type { Cause } from '../../store/meta/access-store.ts'
import type { Credential } from '../../store/meta/account-store.ts'
import type { BodyOf, Endpoint, ResultOf } from '../contract/contract.ts'
import { Answer, type ApiCall, type ApiParts, type Handlers } from '../handler.ts'
import { conflict } from '../problem.ts'
import { futureTime, invalidMember } from '../values.ts'
import { addCredential, credentialsOf, revokeCredential } from './credentials.ts'
import { requireUser } from './find-account.ts'
import { keyView } from './views.ts'

type Store = ApiParts['store']
type NewKey = BodyOf<'POST /users/{user}/keys'>
type MadeKey = ResultOf<'POST /users/{user}/keys'>

/** Where assertions are exchanged for tokens. */
const TOKEN_PATH = '/token'

/** Keys of users. */
export const KEY_HANDLERS: Handlers<
  'GET /users/{user}/keys' | 'POST /users/{user}/keys' | 'DELETE /users/{user}/keys/{id}'
> = {
  'GET /users/{user}/keys': async ({ path }, parts) => {
    await requireUser(parts, path.user)
    return { items: await listKeys(path.user, parts.store) }
  },
  'POST /users/{user}/keys': async (call, parts) => {
    await requireUser(parts, call.path.user)
    return makeKey(call.path.user, call.body, call, parts.store)
  },
  'DELETE /users/{user}/keys/{id}': async ({ path, cause }, parts) => {
    await revokeKey(path.user, path.id, cause, parts.store)
  },
}

/** The keys of a user or robot, which must be there. */
export async function listKeys(account: string, store: Store) {
  return (await credentialsOf({ store }, account, 'key')).map(keyView)
}

/** A key of a user or robot, gone. Refuses `absent`. */
export function revokeKey(account: string, number: string, cause: Cause, store: Store): Promise<void> {
  return revokeCredential({ store }, account, 'key', number, cause)
}

/**
 * Makes a key of a user or robot, which must be there, or takes in the public half of one. The same half by the same name again changes
 * nothing.
 */
export async function makeKey(
  account: string,
  body: NewKey,
  { ctx, cause }: Pick<ApiCall<Endpoint>, 'ctx' | 'cause'>,
  store: Store,
): Promise<MadeKey | Answer<MadeKey>> {
  const expiresAt = futureTime(body.expiresAt, cause.now)
  const before = await credentialsOf({ store }, account, 'key')
  const made =
    body.publicKey === undefined ? newKey(account, ctx.origin + TOKEN_PATH) : publicHalf(body.publicKey)
  const same = (key: Credential) =>
    key.name === body.name && key.keyId === made.keyId && key.expiresAt === expiresAt
  const there = before.find(same)
  if (there !== undefined) return new Answer(keyView(there), 200)
  const twin = before.find((key) => key.keyId === made.keyId)
  if (twin !== undefined) {
    throw conflict(
      `${account} has this public key registered already, as ${twin.name} (key ${twin.id}); log in with that, or revoke it first`,
    )
  }
  const { lookup, verifier } = made
  const key = await addCredential(
    { store },
    account,
    { kind: 'key', name: body.name, lookup, verifier, ...(expiresAt !== undefined && { expiresAt }) },
    before,
    cause,
  )
  return { ...keyView(key), ...('file' in made && { file: made.file }) }
}

/** Refuses `request-invalid` for what is no Ed25519 key, or is the private half. */
function publicHalf(pem: string) {
  if (/PRIVATE KEY/.test(pem)) {
    throw invalidMember(
      'publicKey',
      'this is the private half, which should not leave its machine; make a new pair, and send the public half alone',
    )
  }
  try {
    const key = createPublicKey({ key: pem, format: 'pem' })
    if (key.asymmetricKeyType === 'ed25519') {
      const lookup = keyLookup(key)
      return {
        lookup,
        keyId: keyIdOf(lookup),
        verifier: key.export({ type: 'spki', format: 'pem' }) as string,
      }
    }
  } catch {
    // Said below: what the library says of it helps nobody.
  }
  throw invalidMember(
    'publicKey',
    'this is no Ed25519 public key in PEM; make one with: openssl pkey -pubout',
  )
}
