import type { Account } from '../../store/meta/account-store.ts'
import type { ApiParts } from '../handler.ts'
import { absent, type Refusal } from '../problem.ts'

/** The user of that name. Refuses `absent`, also for a robot or an organisation. */
export async function requireUser({ store }: Pick<ApiParts, 'store'>, name: string): Promise<Account> {
  const account = await store.findAccount(name)
  if (account?.kind === 'user') return account
  throw noUser(name)
}

/** Refuses for a user who is not there. */
export function noUser(name: string): Refusal {
  return absent(`there is no user ${name}`)
}

/** The organisation of that name. Refuses `absent`, also for a user. */
export async function requireOrganisation(
  { store }: Pick<ApiParts, 'store'>,
  name: string,
): Promise<Account> {
  const account = await store.findAccount(name)
  if (account?.kind === 'organisation') return account
  throw absent(`there is no organisation ${name}`)
}
