import { randomBytes } from 'node:crypto'

/** What passwords are stored as, and how long one takes to try. */
export interface PasswordHasher {
  /** The PHC text of a password. */
  hash(password: string): Promise<string>
  /** False, too, for a text that is no hash: nothing opens because something broke (SE-17). */
  verify(password: string, verifier: string): Promise<boolean>
}

/** KiB and rounds, as OWASP has them for argon2id with one lane: some 40 ms. */
const MEMORY = 19_456
const ROUNDS = 2

/** argon2id (RFC 9106), off the main thread. One text has several spellings in Unicode; a password is the same in all of them. */
export const argon2id: PasswordHasher = {
  hash: (password) =>
    Bun.password.hash(password.normalize('NFKC'), {
      algorithm: 'argon2id',
      memoryCost: MEMORY,
      timeCost: ROUNDS,
    }),
  verify: (password, verifier) =>
    Bun.password.verify(password.normalize('NFKC'), verifier, 'argon2id').catch(() => false),
}

/** The text of a hash that no password has, and that takes as long as any: for users who are not there (SE-15). */
export function nobodysVerifier(): string {
  const text = (bytes: number) => randomBytes(bytes).toString('base64').replace(/=+$/, '')
  return `$argon2id$v=19$m=${MEMORY},t=${ROUNDS},p=1$${text(32)}$${text(32)}`
}
