import type { Cause } from '../store/meta/access-store.ts'
import type { AccountStore, Link, LinkPurpose } from '../store/meta/account-store.ts'
import { lookupOf, newSecret, secretKind } from './secrets.ts'

/** How long a one-time link is good, in seconds. */
export const LINK_SECONDS = {
  administrator: 86_400,
  invitation: 7 * 86_400,
  'password-reset': 86_400,
} as const satisfies Record<LinkPurpose['kind'], number>

/** The page that a link opens. */
const PAGES = { administrator: 'join', invitation: 'join', 'password-reset': 'reset' } as const

/** A link to hand on, shown once. */
export interface NewLink {
  readonly id: number
  readonly url: string
  readonly expiresAt: number
}

/**
 * Makes a one-time link. `origin`: where browsers reach this server; `seconds`: how long it is good. undefined: the organisation or user
 * that it is for is not there. It replaces the former ones for the first administrator, or for the same user's password.
 */
export async function makeLink(
  accounts: Pick<AccountStore, 'createLink'>,
  purpose: LinkPurpose,
  {
    origin,
    cause,
    seconds = LINK_SECONDS[purpose.kind],
  }: { readonly origin: string; readonly cause: Cause; readonly seconds?: number | undefined },
): Promise<NewLink | undefined> {
  const { secret, lookup } = newSecret('link')
  const expiresAt = cause.now + seconds * 1000
  const made = await accounts.createLink({ lookup, purpose, expiresAt }, cause)
  if (made.outcome === 'absent') return undefined
  return { id: made.id, url: `${origin}/${PAGES[purpose.kind]}?token=${secret}`, expiresAt }
}

/** What the secret of a link is found by, and used up by; undefined for a text that is none: the database need not be asked. */
export function lookupOfLink(secret: string): Uint8Array | undefined {
  return secretKind(secret) === 'link' ? lookupOf(secret) : undefined
}

/** The link that a secret belongs to, while it is good. */
export async function findLink(
  accounts: Pick<AccountStore, 'findLink'>,
  secret: string,
  now: number,
): Promise<Link | undefined> {
  const lookup = lookupOfLink(secret)
  return lookup === undefined ? undefined : accounts.findLink(lookup, now)
}
