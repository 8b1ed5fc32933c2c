import { refuse } from '../../core/errors.ts'
import type { SubjectKind } from './access-store.ts'
import type { CredentialKind, Role } from './account-store.ts'

/* The numbers that stand for words in the tables of accounts. Never changed, never reused. */

export const ACCOUNT_KINDS = { user: 1, organisation: 2, robot: 3 } as const
export const ROLES = { member: 1, owner: 2 } as const satisfies Record<Role, number>
export const SUBJECTS = { account: 1, team: 2, everyone: 3, anyone: 4 } as const satisfies Record<
  SubjectKind,
  number
>
export const CREDENTIALS = {
  password: 1,
  token: 2,
  secret: 3,
  key: 4,
  session: 5,
  refresh: 6,
} as const satisfies Record<CredentialKind, number>
export const PURPOSES = { administrator: 1, invitation: 2, 'password-reset': 3 } as const
export const VISIBILITIES = { private: 0, public: 1 } as const
export const RESULTS = { refused: 0, done: 1 } as const

/** The word behind a number. Throws for a number this program does not know: the database is newer, or damaged. */
export function wordOf<Word extends string>(words: Readonly<Record<Word, number>>, code: number): Word {
  for (const word in words) if (words[word] === code) return word
  throw refuse('unavailable', `the database holds the code ${code}, which this program does not know`)
}
