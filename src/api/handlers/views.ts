import { verbsIn } from '../../core/verbs.ts'
import type { Account, Credential, Link } from '../../store/meta/account-store.ts'
import type { ResultOf } from '../contract/contract.ts'
import { expiryText, lastUse, timeText } from '../values.ts'

/* People and what proves them, as the API tells them. Each member is named here: nothing is told because it happens to be there. */

type FullUser = ResultOf<'PATCH /users/{user}'>
type User = ResultOf<'GET /users'>['items'][number]
type Token = ResultOf<'GET /users/{user}/tokens'>['items'][number]
type LinkView = ResultOf<'GET /invitations'>['items'][number]

/** What everyone who is signed in may know of a user: whom to attack first is nothing of it. */
export function userView({ name, displayName, createdAt, version }: Account): User {
  return { name, displayName, createdAt: timeText(createdAt), version }
}

/** A user in a list for administrators. */
export function listedUserView(account: Account): User {
  return { ...userView(account), administrator: account.administrator }
}

export function fullUserView(account: Account): FullUser {
  const { administrator, email, description, disabled } = account
  return { ...userView(account), administrator, email, description, disabled }
}

/** From when until when a credential is good, and when and from where it was used last. */
export function timesView({ createdAt, expiresAt, lastUsed }: Credential) {
  return { createdAt: timeText(createdAt), expiresAt: expiryText(expiresAt), lastUsed: lastUse(lastUsed) }
}

/** What a credential is limited to. */
export function scopesView(scopes: NonNullable<Credential['scopes']>): Token['scopes'] {
  return scopes.map(({ pattern, verbs }) => ({ pattern, verbs: verbsIn(verbs) }))
}

export function tokenView(token: Credential): Token {
  const { id, name, scopes, networks = [] } = token
  return {
    id,
    name,
    scopes: scopesView(scopes ?? []),
    networks: [...networks],
    ...timesView(token),
  }
}

export function keyView(key: Credential): ResultOf<'GET /users/{user}/keys'>['items'][number] {
  const { id, name, keyId = '' } = key
  return { id, name, keyId, ...timesView(key) }
}

export function linkView({ createdBy, ...link }: Link): LinkView {
  return { ...publicLinkView(link), createdBy }
}

/** A link as it is told to who holds it. */
export function publicLinkView({ id, purpose, createdAt, expiresAt }: Omit<Link, 'createdBy'>) {
  const { kind, ...about } = purpose
  return {
    id,
    purpose: kind,
    ...about,
    createdAt: timeText(createdAt),
    expiresAt: timeText(expiresAt),
  }
}
