import { passwordProblem } from '../../auth/password-rules.ts'
import type { AccountActor, Call } from '../../core/context.ts'
import { type RegistryError, refuse } from '../../core/errors.ts'
import type { ApiParts } from '../handler.ts'
import { invalidMember } from '../values.ts'

/** What is stored of a new password. Refuses `request-invalid` for one that cannot be one, without repeating it. */
export async function newPassword(
  { passwords, settings }: Pick<ApiParts, 'passwords' | 'settings'>,
  user: string,
  password: string,
): Promise<string> {
  const problem = passwordProblem(password, user, settings.passwordMinLength)
  if (problem !== undefined) throw invalidMember('password', problem)
  return passwords.hash(password)
}

/**
 * Who has this password: a user's own, no token or key that passes for one. Slowed down and written down as every login. Refuses
 * `unauthorized`, `too-many-attempts`, and `denied` for a token.
 */
export async function byOwnPassword(
  call: Call,
  { authenticator, store, clock }: Pick<ApiParts, 'authenticator' | 'store' | 'clock'>,
  name: string,
  password: string,
): Promise<AccountActor> {
  const actor = await authenticator.password(call, name, password)
  if (actor.kind === 'account') {
    const credential = await store.readCredential(actor.credential, clock.now())
    if (credential === undefined) throw changedMeanwhile()
    if (credential.kind === 'password') return actor
  }
  throw refuse(
    'denied',
    'this needs the password of a user; tokens, robots’ secrets and key files are for docker login and for Authorization',
  )
}

/** The password was right, and is not any more. */
export function changedMeanwhile(): RegistryError {
  return refuse('unauthorized', 'the password was changed meanwhile; use the new one')
}
