import { looksLikeJwt, looksLikeSecret } from './secrets.ts'

/** Characters of a password at most: what is longer is no password, and hashing it costs. */
export const MAX_PASSWORD = 1024

/** Why a text cannot be the password of an account, as a sentence that does not hold it; undefined where it can. */
export function passwordProblem(password: string, name: string, minLength: number): string | undefined {
  const length = [...password].length
  if (length < minLength) return `the password has ${length} characters; use at least ${minLength}`
  if (password.length > MAX_PASSWORD)
    return `the password has ${password.length} characters; use at most ${MAX_PASSWORD}`
  if (password.toLowerCase() === name.toLowerCase())
    return `the password is the name of the account; choose another`
  if (looksLikeSecret(password) || looksLikeJwt(password))
    return 'the password looks like a token of this registry, which is used without becoming a password; choose another'
  // Authorization: Basic and terminals lose them, so the next login would fail.
  if (/[\0-\x1f\x7f]/.test(password))
    return 'the password has a control character (a tab or a line break, perhaps); leave it out'
  return undefined
}
